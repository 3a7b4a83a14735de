"""Comparisons with OpenRouter's own figures, on the wire."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import (
    Amount,
    Answer,
    Fields,
    Instant,
    instant,
    instant_or_none,
)
from mai_usage_ext.metering.money import PICO, usd_from_pusd
from mai_usage_ext.ports.reconciliation import (
    CounterLook,
    Figures,
    ModelDifference,
    ReconciliationRecord,
    RunRecord,
)
from mai_usage_ext.services.day_books import DayResult

__all__ = ["CountersOut", "ReconciliationsOut", "RunIn", "RunOut", "capture_rate"]


class RunIn(Fields):
    """``date`` is a completed UTC day of the last thirty."""

    date: str = Field(max_length=10)


class FiguresOut(BaseModel):
    """Sums of calls; ``raw`` is what OpenRouter charges."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    raw: Amount

    @classmethod
    def of(cls, figures: Figures) -> "FiguresOut":
        return cls(
            requests=figures.requests,
            prompt_tokens=figures.prompt_tokens,
            completion_tokens=figures.completion_tokens,
            raw=usd_from_pusd(figures.raw_pusd),
        )


class ModelDifferenceOut(BaseModel):
    """A model of which the two sides say different things."""

    model: str
    ours: FiguresOut
    theirs: FiguresOut

    @classmethod
    def of(cls, one: ModelDifference) -> "ModelDifferenceOut":
        ours, theirs = FiguresOut.of(one.ours), FiguresOut.of(one.theirs)
        return cls(model=one.model, ours=ours, theirs=theirs)


class ReconciliationOut(BaseModel):
    """One key's UTC day, in raw USD. ``captured`` is what the meter booked by itself, ``adjusted``
    what reconciliations added, ``provider`` what OpenRouter says; ``difference`` is left of it.
    ``capture_rate`` is null where there was nothing to capture; ``client_id`` for a key of nobody.
    """

    date: str
    key_hash: str
    client_id: str | None
    status: str
    reason: str
    capture_rate: Amount | None
    is_below: bool
    captured: Amount
    adjusted: Amount
    provider: Amount
    difference: Amount
    captured_requests: int
    provider_requests: int
    models: list[ModelDifferenceOut]
    identified: int
    closed_holds: int
    checked_at: Instant

    @classmethod
    def of(cls, line: ReconciliationRecord) -> "ReconciliationOut":
        return cls(
            date=line.day.isoformat(),
            key_hash=line.key_hash,
            client_id=line.organization_id,
            status=line.finding.value,
            reason=line.reason,
            capture_rate=capture_rate(line.captured.raw_pusd, line.provider.raw_pusd),
            is_below=line.is_below,
            captured=usd_from_pusd(line.captured.raw_pusd),
            adjusted=usd_from_pusd(line.adjusted_pusd),
            provider=usd_from_pusd(line.provider.raw_pusd),
            difference=usd_from_pusd(line.difference_pusd),
            captured_requests=line.captured.requests,
            provider_requests=line.provider.requests,
            models=[ModelDifferenceOut.of(one) for one in line.models],
            identified=line.identified,
            closed_holds=line.closed_holds,
            checked_at=instant(line.checked_at_ms),
        )


class ProblemDayOut(BaseModel):
    """A day that could not be compared to its end; it is tried again every hour."""

    date: str
    problem: str


class ReconciliationsOut(Answer):
    """One page, newest day first."""

    reconciliations: list[ReconciliationOut]
    problems: list[ProblemDayOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls,
        lines: Sequence[ReconciliationRecord],
        total: int,
        problems: Sequence[RunRecord],
        *,
        offset: int,
        limit: int,
    ) -> "ReconciliationsOut":
        return cls(
            reconciliations=[ReconciliationOut.of(line) for line in lines],
            problems=[
                ProblemDayOut(date=run.day.isoformat(), problem=run.problem or "")
                for run in problems
            ],
            total=total,
            offset=offset,
            limit=limit,
        )


class RunOut(Answer):
    """What a run found on each key; ``is_final`` says that the day is not looked at again."""

    date: str
    is_final: bool
    reconciliations: list[ReconciliationOut]

    @classmethod
    def of(cls, result: DayResult) -> "RunOut":
        return cls(
            message=f"{len(result.lines)} keys were compared.",
            date=result.day.isoformat(),
            is_final=result.is_final,
            reconciliations=[ReconciliationOut.of(line) for line in result.lines],
        )


class CounterOut(BaseModel):
    """What a key has used in all its life, in raw USD, and since the look before."""

    key_hash: str
    client_id: str | None
    label: str
    usage: Amount
    difference: Amount | None
    at: Instant
    previous_at: Instant | None

    @classmethod
    def of(cls, look: CounterLook) -> "CounterOut":
        difference = look.difference_pusd
        return cls(
            key_hash=look.key_hash,
            client_id=look.organization_id,
            label=look.label,
            usage=usd_from_pusd(look.usage_pusd),
            difference=None if difference is None else usd_from_pusd(difference),
            at=instant(look.at_ms),
            previous_at=instant_or_none(look.previous_at_ms),
        )


class CountersOut(Answer):
    """One page of keys."""

    counters: list[CounterOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, looks: Sequence[CounterLook], total: int, *, offset: int, limit: int
    ) -> "CountersOut":
        shown = [CounterOut.of(look) for look in looks]
        return cls(counters=shown, total=total, offset=offset, limit=limit)


def capture_rate(captured_pusd: int, provider_pusd: int) -> str | None:
    """Ours ÷ theirs with six decimals, cut off: 1 is never said of less."""
    if not provider_pusd:
        return None
    return usd_from_pusd(captured_pusd * 10**6 // provider_pusd * (PICO // 10**6))
