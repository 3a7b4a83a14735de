"""What the tests, the demo and the installer stand on: nothing here is shipped."""
