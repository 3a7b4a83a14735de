"""What an operator sets: each setting in one table, and all of them as the environment has them."""

from mai_usage_ext.settings.environment import Settings
from mai_usage_ext.settings.table import SETTINGS, Setting

__all__ = ["SETTINGS", "Setting", "Settings"]
