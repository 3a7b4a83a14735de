"""The one place that knows every part and wires them."""

from mai_usage_ext.bootstrap.installation import install, rehearse, uninstall
from mai_usage_ext.bootstrap.meter import Meter, metering
from mai_usage_ext.bootstrap.workbench import Workbench, database_for, open_workbench

__all__ = [
    "Meter",
    "Workbench",
    "database_for",
    "install",
    "metering",
    "open_workbench",
    "rehearse",
    "uninstall",
]
