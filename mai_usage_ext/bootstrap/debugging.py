"""What an operator asks when something looks wrong."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from mai_usage_ext.api.services import DebugServices
from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.errors import NotRunning
from mai_usage_ext.host.test_call import PlainTestCall
from mai_usage_ext.openrouter.cheapest import CheapestOffer
from mai_usage_ext.openrouter.probe import OpenRouterProbe
from mai_usage_ext.ports import Hold, LookupKeys, SystemClock
from mai_usage_ext.ports.steps import Step
from mai_usage_ext.services.explain import Explain
from mai_usage_ext.services.self_test import SelfTest, SelfTestReport
from mai_usage_ext.services.validation import Validation
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.cases import CaseRows
from mai_usage_ext.storage.month_totals import MonthTotalRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.slow_queries import SlowQueries, watch_statements
from mai_usage_ext.storage.validation import DayRows

__all__ = ["explain_of", "key_of_host", "self_test_of", "validation_of", "wire_debugging"]

_SIMULATED = [sys.executable, "-m", "mai_usage_ext.cli", "self-test", "--json"]
_PATIENCE_S = 60.0

Key = Callable[[], Awaitable[str | None]]


def wire_debugging(bench: Workbench, settings: Settings, *, key: Key) -> DebugServices:
    """``key`` is one of the host's own; statements are watched from now on."""
    slow = SlowQueries(threshold_ms=settings.slow_query_ms)
    watch_statements(bench.database, slow)
    return DebugServices(
        explain=explain_of(bench.database),
        validation=validation_of(bench.database),
        connectivity=OpenRouterProbe(
            settings.base_urls[0],
            management_key=lambda: bench.live_settings.current.provisioning_key,
        ),
        self_test=self_test_of(bench, settings, key=key),
        simulated_test=simulated_test,
        slow_queries=slow,
    )


def explain_of(database: Any) -> Explain:
    return Explain(CaseRows(database), PriceRows(database), AuditRows(database))


def validation_of(database: Any) -> Validation:
    return Validation(DayRows(database), MonthTotalRows(database), clock=SystemClock())


def self_test_of(bench: Workbench, settings: Settings, *, key: Key) -> SelfTest:
    base_url = settings.base_urls[0]
    return SelfTest(
        CaseRows(bench.database),
        CheapestOffer(base_url),
        PlainTestCall(base_url),
        key=key,
        base_urls=settings.base_urls,
        audit=bench.audit,
        unit_of_work=bench.unit_of_work,
    )


def key_of_host(keys: LookupKeys) -> Key:
    """The first key of the host's metered connections."""

    async def first() -> str | None:
        return next(iter(await keys.for_hold(_NOBODYS)), None)

    return first


async def simulated_test() -> SelfTestReport:
    """The same against a simulator, in a process and a database of their own: made-up money has no
    place in real books. Raises ``NotRunning`` where that process does not come to its end."""
    # None of the host's settings, addresses or secrets.
    kept = {"PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"}
    environ = {name: value for name, value in os.environ.items() if name in kept}
    process = await asyncio.create_subprocess_exec(
        *_SIMULATED,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
        found = json.loads(said.splitlines()[-1])
    except (TimeoutError, ValueError, IndexError):
        raise NotRunning("the self-test's own process did not come to its end") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return SelfTestReport(
        model=found["model"],
        steps=[Step(**step) for step in found["steps"]],
        cost_pusd=found["cost_pusd"],
    )


# The host's keys are the same for every call.
_NOBODYS = Hold(
    id="",
    organization_id="",
    user_id=None,
    model="",
    purpose="",
    estimate_pusd=0,
    rate_micro=0,
    fee_pusd=0,
    day=date.min,
    month="",
    at_ms=0,
    owner="",
)
