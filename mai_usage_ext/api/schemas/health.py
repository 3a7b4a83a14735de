"""The meter's own state on the wire."""

from typing import Literal

from pydantic import BaseModel

from mai_usage_ext.api.schemas.values import instant_or_none
from mai_usage_ext.services.health import Check, Health
from mai_usage_ext.services.job_reports import JobReport

__all__ = ["HealthOut", "ProbeOut"]

Status = Literal["ok", "degraded", "down"]


class JobOut(BaseModel):
    """One job: ``shared`` says that one process runs it for all, ``process`` which one last did.

    ``last_error`` is why the last run failed, ``null`` when it did not.
    """

    name: str
    every_seconds: int
    shared: bool
    process: str | None
    last_run: str | None
    last_success: str | None
    last_error: str | None
    is_overdue: bool

    @classmethod
    def of(cls, report: JobReport) -> "JobOut":
        record = report.record
        return cls(
            name=record.name,
            every_seconds=report.every_s,
            shared=report.is_shared,
            process=record.owner,
            last_run=instant_or_none(record.begun_ms),
            last_success=instant_or_none(record.succeeded_ms),
            last_error=record.problem,
            is_overdue=report.is_overdue,
        )


class CheckOut(BaseModel):
    """One check: ``seen`` is what was there, ``advice`` what to do, empty where all is well."""

    name: str
    status: Status
    seen: str
    advice: str

    @classmethod
    def of(cls, check: Check) -> "CheckOut":
        return cls(name=check.name, status=check.status.value, seen=check.seen, advice=check.advice)


class HealthOut(BaseModel):
    """``GET health``: what an operator looks at first. The worst check is the status of all."""

    status: Status
    version: str
    reasons: list[str]
    checks: list[CheckOut]
    queue_depth: int
    unsettled: dict[str, int]
    counts: dict[str, int]
    jobs: list[JobOut]
    redis: str

    @classmethod
    def of(cls, health: Health) -> "HealthOut":
        return cls(
            status=health.status.value,
            version=health.version,
            reasons=health.reasons,
            checks=[CheckOut.of(check) for check in health.checks],
            queue_depth=health.queue_depth,
            unsettled={str(state): count for state, count in health.unsettled.items()},
            counts=health.counts,
            jobs=[JobOut.of(job) for job in health.jobs],
            redis=health.redis,
        )


class ProbeOut(BaseModel):
    """What anybody may know: whether it works, and nothing of why or for whom."""

    status: Status
