"""What an operator sets: each setting in one table, and all of them as the environment has them."""

from mai_usage_ext.settings.environment import Settings
from mai_usage_ext.settings.setting import Setting
from mai_usage_ext.settings.table import SETTINGS

__all__ = ["SETTINGS", "Setting", "Settings"]
