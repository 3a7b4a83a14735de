"""What runs beside the chats, and how often."""

import asyncio
from collections.abc import Awaitable, Callable

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.jobs.thread import Job
from mai_usage_ext.openrouter.prices import PriceBook
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.recovery import Recovery
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.settings import Settings

__all__ = ["jobs_of"]

# A setting that was changed in another process holds here after this long at most.
_SETTINGS_EVERY_S = 2
_PRICES_EVERY_S = 3600
_DELETED_USERS_EVERY_S = 3600


def jobs_of(
    bench: Workbench,
    settings: Settings,
    *,
    settlement: Settlement,
    prices: PriceBook,
    key_check: KeyCheck,
) -> list[Job]:
    """Each looks at the data and may run twice, in this process or another."""
    recovery = Recovery(bench.holds, clock=SystemClock())
    recovery_s = max(1, settings.lease_ms // 3000)
    key_check_s = max(1, settings.key_check_ms // 1000)
    reload, forget = bench.live_settings.reload, bench.members.forget_deleted
    return [
        Job(name="recovery", every_s=recovery_s, run=_in_thread(recovery.run_once)),
        Job(name="settlement", every_s=1, run=settlement.run_once),
        Job(name="settings", every_s=_SETTINGS_EVERY_S, run=_in_thread(reload)),
        Job(name="prices", every_s=_PRICES_EVERY_S, run=prices.refresh),
        Job(name="keys", every_s=key_check_s, run=key_check.run_once),
        Job(name="deleted users", every_s=_DELETED_USERS_EVERY_S, run=_in_thread(forget)),
    ]


def _in_thread(work: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def run() -> None:
        try:
            await asyncio.to_thread(work)
        except StorageUnavailable as error:
            # The next round looks at the same data.
            tally.warn("jobs postponed", f"a job has to wait: {error}")

    return run
