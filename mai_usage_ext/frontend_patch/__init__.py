"""The command ``frontend-patch``: our tabs in the sources of a front end that a fork builds itself.

``blocks`` marks, inserts and takes back lines; ``recipes`` says which lines go where in which
version of Open WebUI; ``tree`` reads and writes the fork's files; ``command`` is its words.
"""

from mai_usage_ext.frontend_patch.command import add_command

__all__ = ["add_command"]
