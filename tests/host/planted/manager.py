"""What it does is the fork's affair; that it is there is all that is looked at."""
