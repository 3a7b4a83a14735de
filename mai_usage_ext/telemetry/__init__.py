"""What is told to the operator's own observability, each by what the host has installed."""
