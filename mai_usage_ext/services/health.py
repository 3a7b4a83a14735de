"""How the meter itself is doing, in this process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mai_usage_ext.errors import StorageError
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import HoldState, HoldStore, Ledger
from mai_usage_ext.services.job_reports import JobReport

__all__ = ["Health", "HealthCheck", "RedisState"]


class RedisState(StrEnum):
    """``OFF`` where none is configured; we go on without a ``DEGRADED`` one."""

    OFF = "off"
    OK = "ok"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """``reasons`` says in sentences what is wrong; none means well."""

    version: str
    reasons: Sequence[str]
    queue_depth: int
    unsettled: Mapping[HoldState, int]
    counts: dict[str, int]
    jobs: Sequence[JobReport] = ()
    redis: RedisState = RedisState.OFF

    @property
    def is_well(self) -> bool:
        return not self.reasons


class HealthCheck:
    """Looks at the writer, the job thread, the database and the counts.

    ``redis`` says in sentences what does not work there; ``None`` where there is none.
    """

    def __init__(
        self,
        ledger: Ledger,
        holds: HoldStore,
        *,
        version: str,
        complaints: Sequence[Callable[[], str | None]],
        jobs: Callable[[], Sequence[JobReport]] = tuple,
        redis: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._ledger = ledger
        self._holds = holds
        self._version = version
        self._complaints = complaints
        self._jobs = jobs
        self._redis = redis

    def look(self) -> Health:
        reasons = [reason for complain in self._complaints if (reason := complain())]
        unsettled: Mapping[HoldState, int] = {}
        jobs: Sequence[JobReport] = ()
        try:
            unsettled = self._holds.counts()
            jobs = self._jobs()
        except StorageError as error:
            reasons.append(f"the database does not answer: {error}")
        troubles = self._redis() if self._redis is not None else ()
        reasons += troubles
        reasons += [complaint for job in jobs if (complaint := job.complaint)]
        return Health(
            version=self._version,
            reasons=reasons,
            queue_depth=self._ledger.depth,
            unsettled=unsettled,
            counts=tally.snapshot(),
            jobs=jobs,
            redis=self._redis_state(troubles),
        )

    def _redis_state(self, troubles: Sequence[str]) -> RedisState:
        if self._redis is None:
            return RedisState.OFF
        return RedisState.DEGRADED if troubles else RedisState.OK
