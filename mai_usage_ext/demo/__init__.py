"""The demo: a real host, two organizations, every kind of call, and the books compared."""

from mai_usage_ext.demo.command import add_arguments, run

__all__ = ["add_arguments", "run"]
