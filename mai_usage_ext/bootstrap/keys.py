"""The management of organizations' keys, and the job that compares them with OpenRouter's."""

from collections.abc import Callable
from typing import Any

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.openrouter.management import ManagementClient
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.key_events import KeyEvents
from mai_usage_ext.services.key_making import KeyMaker
from mai_usage_ext.services.key_terms import LOOKAHEAD_MS, KeyPolicy
from mai_usage_ext.services.key_upkeep import KeyUpkeep
from mai_usage_ext.services.keys import Keys
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.events import EventRows

__all__ = ["wire_keys"]


def wire_keys(
    bench: Workbench, settings: Settings, *, changed: Callable[[], None]
) -> tuple[Keys, KeyCheck]:
    """Both on one database and one management API; ``changed`` is told when a key is another one
    from now on."""
    rows, clock = bench.key_rows, SystemClock()
    management = ManagementClient(settings.base_urls[0])

    def management_key() -> str | None:
        return bench.live_settings.current.provisioning_key

    common: dict[str, Any] = {
        "audit": bench.audit,
        "events": KeyEvents(EventRows(bench.database), clock=clock),
        "unit_of_work": bench.unit_of_work,
        "clock": clock,
        "changed": lambda _organization_id: changed(),
    }
    # What a limit will be at the next check has to be allowed for at this one.
    lookahead_ms = max(LOOKAHEAD_MS, 2 * settings.key_check_ms)
    policy = KeyPolicy(rows, clock=clock, lookahead_ms=lookahead_ms)
    upkeep = KeyUpkeep(rows, management, policy=policy, **common)
    common |= {"upkeep": upkeep, "management_key": management_key}
    maker = KeyMaker(rows, management, policy=policy, **common)
    keys = Keys(rows, management, organizations=bench.organization_rows, maker=maker, **common)
    check = KeyCheck(rows, management, upkeep=upkeep, management_key=management_key, clock=clock)
    return keys, check
