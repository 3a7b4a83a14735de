"""Functions as an admin of the host adds them, each with a client of its own; never imported."""
