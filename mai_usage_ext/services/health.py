"""How the meter itself is doing, in this process: check by check, and the worst one decides."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mai_usage_ext.errors import StorageError
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import HoldState
from mai_usage_ext.ports.vitals import VitalStore
from mai_usage_ext.services.health_checks import (
    Check,
    CheckStatus,
    StoredCheck,
    away_check,
    database_check,
    job_check,
    redis_check,
    worst,
)
from mai_usage_ext.services.job_reports import JobReport

__all__ = ["Check", "CheckStatus", "Health", "HealthCheck", "RedisState"]

# A load balancer asks often, and everybody may: one look at the database a second is enough.
_READY_FOR_S = 1.0


class RedisState(StrEnum):
    """``OFF`` where none is configured; we go on without a ``DEGRADED`` one."""

    OFF = "off"
    OK = "ok"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """``checks`` are all there are; the rest is what some of them looked at."""

    version: str
    checks: Sequence[Check]
    queue_depth: int
    unsettled: Mapping[HoldState, int]
    counts: dict[str, int]
    jobs: Sequence[JobReport] = ()
    redis: RedisState = RedisState.OFF

    @property
    def status(self) -> CheckStatus:
        return worst(self.checks)

    @property
    def reasons(self) -> list[str]:
        """In sentences, what is wrong; none means well."""
        return [check.seen for check in self.checks if check.status is not CheckStatus.OK]

    @property
    def is_well(self) -> bool:
        return self.status is CheckStatus.OK


class HealthCheck:
    """``own`` are checks without the database, ``essential`` those of them without which this
    process is of no use; ``stored`` look at what the database said, ``more`` at the rest of it
    themselves. ``redis`` says in sentences
    what does not work there, ``None`` where there is none.
    """

    def __init__(
        self,
        vitals: VitalStore,
        *,
        version: str,
        depth: Callable[[], int] = lambda: 0,
        essential: Sequence[Callable[[], Check]] = (),
        own: Sequence[Callable[[], Check]] = (),
        stored: Sequence[StoredCheck] = (),
        more: Callable[[], Sequence[Check]] = tuple,
        jobs: Callable[[], Sequence[JobReport]] = tuple,
        redis: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._vitals = vitals
        self._version = version
        self._depth = depth
        self._essential = essential
        self._own = own
        self._stored = stored
        self._more = more
        self._jobs = jobs
        self._redis = redis
        self._ready: tuple[float, CheckStatus] | None = None
        self._asking = threading.Lock()

    def look(self) -> Health:
        """Raises nothing: a database that is away is one of the checks."""
        checks: list[Check] = []
        unsettled: Mapping[HoldState, int] = {}
        jobs: Sequence[JobReport] = ()
        began = time.perf_counter()
        try:
            vitals = self._vitals.look()
            checks.append(database_check(time.perf_counter() - began))
            jobs = self._jobs()
            unsettled = {state: found.count for state, found in vitals.unsettled.items()}
            checks += [check(vitals) for check in self._stored]
            checks += self._more()
        except StorageError as error:
            checks.append(away_check(error))
        checks += [check() for check in (*self._essential, *self._own)]
        troubles = self._redis() if self._redis is not None else ()
        if self._redis is not None:
            checks.append(redis_check(troubles))
        checks += [job_check(job) for job in jobs]
        return Health(
            version=self._version,
            checks=checks,
            queue_depth=self._depth(),
            unsettled=unsettled,
            counts=tally.snapshot(),
            jobs=jobs,
            redis=self._redis_state(troubles),
        )

    def live(self) -> CheckStatus:
        """Whether a restart of this process would help. Asks no database."""
        return worst([check() for check in self._essential])

    def ready(self) -> CheckStatus:
        """Whether calls can be metered now; remembered for a second."""
        with self._asking:
            if self._ready is None or self._ready[0] < time.monotonic():
                self._ready = (time.monotonic() + _READY_FOR_S, self._readiness())
            return self._ready[1]

    def _readiness(self) -> CheckStatus:
        try:
            self._vitals.ping()
        except StorageError:
            return CheckStatus.DOWN
        return self.live()

    def _redis_state(self, troubles: Sequence[str]) -> RedisState:
        if self._redis is None:
            return RedisState.OFF
        return RedisState.DEGRADED if troubles else RedisState.OK
