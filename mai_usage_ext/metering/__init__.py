"""The pure part: money, usage blocks, streams, estimates, billing days. No I/O, no clock."""
