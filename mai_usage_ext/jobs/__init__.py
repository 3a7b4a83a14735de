"""schedule only here: what runs when, in one thread with its own event loop."""
