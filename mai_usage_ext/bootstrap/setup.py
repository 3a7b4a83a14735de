"""The look at an installation's first steps."""

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.openrouter.management import ManagementClient
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.setup import Setup
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.client_facts import ClientFactRows
from mai_usage_ext.storage.members import MemberRows

__all__ = ["wire_setup"]

# Somebody waits for the page.
_PATIENCE_S = 10.0


def wire_setup(bench: Workbench, settings: Settings) -> Setup:
    return Setup(
        ClientFactRows(bench.database),
        MemberRows(bench.database),
        ManagementClient(settings.base_urls[0], total_s=_PATIENCE_S),
        settings=bench.live_settings,
        clock=SystemClock(),
    )
