"""Every component of the front end in every state, in a real Chromium."""
