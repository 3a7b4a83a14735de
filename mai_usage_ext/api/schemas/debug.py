"""Answers to what an operator asks when something looks wrong."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.audit import AuditRecordOut
from mai_usage_ext.api.schemas.values import Fields, instant, instant_or_none
from mai_usage_ext.metering.money import rate_to_decimal, usd_from_pusd
from mai_usage_ext.metering.pricing import PriceRule
from mai_usage_ext.ports import LedgerEntry
from mai_usage_ext.ports.cases import Case, CaseHold, DayTotals, MonthTotals
from mai_usage_ext.ports.months import MonthDifference
from mai_usage_ext.ports.self_test import ModelOffer
from mai_usage_ext.ports.slow_queries import SlowQuery
from mai_usage_ext.ports.steps import Step, is_fine
from mai_usage_ext.ports.validation import DayDifference
from mai_usage_ext.services.explain import Explanation
from mai_usage_ext.services.self_test import SelfTestReport
from mai_usage_ext.services.validation import ValidationReport

__all__ = [
    "ConnectivityOut",
    "ExplanationOut",
    "SelfTestIn",
    "SelfTestOut",
    "SlowQueriesOut",
    "ValidationOut",
]


class SelfTestIn(Fields):
    """``target`` is ``openrouter``, which costs real money and wants ``confirm``, or
    ``simulator``; ``model`` is the cheapest one where none is named."""

    target: Literal["openrouter", "simulator"] = "openrouter"
    confirm: bool = False
    model: str | None = Field(default=None, min_length=1, max_length=200)


class StepOut(BaseModel):
    """One step: ``ms`` is how long it took, ``advice`` what to do where it failed."""

    name: str
    status: Literal["ok", "failed"]
    ms: int
    seen: str
    advice: str

    @classmethod
    def of(cls, step: Step) -> "StepOut":
        return cls(
            name=step.name,
            status="ok" if step.is_ok else "failed",
            ms=step.ms,
            seen=step.seen,
            advice=step.advice,
        )


class ConnectivityOut(BaseModel):
    """``POST debug/openrouter``."""

    status: Literal["ok", "failed"]
    steps: list[StepOut]

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "ConnectivityOut":
        status: Literal["ok", "failed"] = "ok" if is_fine(steps) else "failed"
        return cls(status=status, steps=[StepOut.of(step) for step in steps])


class SelfTestOut(BaseModel):
    """``POST debug/self-test``; ``unconfirmed`` says what it would cost and did nothing."""

    status: Literal["ok", "failed", "unconfirmed"]
    message: str
    model: str | None
    most: str | None
    cost: str | None
    steps: list[StepOut]

    @classmethod
    def offered(cls, offer: ModelOffer) -> "SelfTestOut":
        most = usd_from_pusd(offer.most_pusd)
        return cls(
            status="unconfirmed",
            message=f"This calls {offer.model} at OpenRouter and costs at most about {most} USD, "
            "booked to nobody. Send it again with confirm: true.",
            model=offer.model,
            most=most,
            cost=None,
            steps=[],
        )

    @classmethod
    def of(cls, report: SelfTestReport) -> "SelfTestOut":
        failed = [step.name for step in report.steps if not step.is_ok]
        return cls(
            status="failed" if failed else "ok",
            message=f"It failed at: {', '.join(failed)}." if failed else "Every step is well.",
            model=report.model,
            most=None,
            cost=None if report.cost_pusd is None else usd_from_pusd(report.cost_pusd),
            steps=[StepOut.of(step) for step in report.steps],
        )


class SlowQueryOut(BaseModel):
    """One statement without its values; times are milliseconds."""

    statement: str
    count: int
    max_ms: int
    mean_ms: int
    last_at: str

    @classmethod
    def of(cls, query: SlowQuery) -> "SlowQueryOut":
        return cls(
            statement=query.shape,
            count=query.count,
            max_ms=query.max_ms,
            mean_ms=query.mean_ms,
            last_at=instant(query.last_at_ms),
        )


class SlowQueriesOut(BaseModel):
    """``GET debug/slow-queries``: of this process, slowest first."""

    threshold_ms: int
    items: list[SlowQueryOut]

    @classmethod
    def of(cls, queries: Sequence[SlowQuery], *, threshold_ms: int) -> "SlowQueriesOut":
        return cls(threshold_ms=threshold_ms, items=[SlowQueryOut.of(one) for one in queries])


class DayDifferenceOut(BaseModel):
    """Numbers that differ, by name: as they stand, and as the ledger adds up."""

    client_id: str
    date: str
    where: str
    place: list[str]
    stored: dict[str, int]
    recomputed: dict[str, int]

    @classmethod
    def of(cls, one: DayDifference) -> "DayDifferenceOut":
        return cls(
            client_id=one.organization_id,
            date=one.day.isoformat(),
            where=one.where,
            place=list(one.place),
            stored=dict(one.stored),
            recomputed=dict(one.recomputed),
        )


class MonthDifferenceOut(BaseModel):
    """A month's total: ``spent`` ought to be ``used``, ``held`` ought to be ``open``."""

    client_id: str
    month: str
    user_id: str | None
    spent: str
    used: str
    held: str
    open: str

    @classmethod
    def of(cls, one: MonthDifference) -> "MonthDifferenceOut":
        return cls(
            client_id=one.organization_id,
            month=one.month,
            user_id=one.user_id,
            spent=usd_from_pusd(one.spent_pusd),
            used=usd_from_pusd(one.used_pusd),
            held=usd_from_pusd(one.held_pusd),
            open=usd_from_pusd(one.open_pusd),
        )


class ValidationOut(BaseModel):
    """``POST debug/validate``: what was looked at, and what differs; nothing was changed."""

    status: Literal["ok", "failed"]
    organizations: int
    days: int
    day_differences: list[DayDifferenceOut]
    month_differences: list[MonthDifferenceOut]
    is_cut: bool

    @classmethod
    def of(cls, report: ValidationReport) -> "ValidationOut":
        return cls(
            status="ok" if report.is_well else "failed",
            organizations=report.organizations,
            days=report.days,
            day_differences=[DayDifferenceOut.of(one) for one in report.day_differences],
            month_differences=[MonthDifferenceOut.of(one) for one in report.month_differences],
            is_cut=report.is_cut,
        )


class ExplanationOut(BaseModel):
    """``GET debug/generations/{id}``: sentences for a person, and the facts they are made of."""

    id: str
    client_id: str
    client_name: str
    date: str
    sentences: list[str]
    hold: dict[str, Any] | None
    entries: list[dict[str, Any]]
    price_rule: dict[str, Any] | None
    live_counter: dict[str, Any] | None
    sealed_day: dict[str, Any] | None
    month: dict[str, Any] | None
    reconciliation: dict[str, Any] | None
    broadcast: dict[str, str] | None
    audit: list[AuditRecordOut]

    @classmethod
    def of(cls, found: Explanation) -> "ExplanationOut":
        case = found.case
        return cls(
            id=found.id,
            client_id=case.organization_id,
            client_name=case.organization_name,
            date=case.day.isoformat(),
            sentences=list(found.sentences),
            hold=None if case.held is None else _hold(case.held),
            entries=[_entry(entry) for entry in case.entries],
            price_rule=None if found.rule is None else _rule(found.rule),
            live_counter=_totals(case.cell),
            sealed_day=_totals(case.sealed),
            month=None if case.month is None else _month(case.month),
            reconciliation=_line(case),
            broadcast=None
            if case.broadcast is None
            else dict(zip(("status", "reason"), case.broadcast, strict=True)),
            audit=[AuditRecordOut.of(record) for record in found.audit],
        )


def _hold(held: CaseHold) -> dict[str, Any]:
    hold = held.hold
    return {
        "id": hold.id,
        "state": held.state.value,
        "user_id": hold.user_id,
        "model": hold.model,
        "purpose": hold.purpose,
        "estimate": usd_from_pusd(hold.estimate_pusd),
        "month": hold.month,
        "at": instant(hold.at_ms),
        "generation_id": held.generation_id,
        "outcome": held.outcome,
        "reason": held.reason,
        "attempts": held.attempts,
        "closed_at": instant_or_none(held.closed_at_ms),
        "process": hold.owner,
    }


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "generation_id": entry.generation_id,
        "sequence": entry.sequence,
        "user_id": entry.user_id,
        "model": entry.model,
        "provider": entry.provider,
        "purpose": entry.purpose,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "cached_tokens": entry.cached_tokens,
        "reasoning_tokens": entry.reasoning_tokens,
        "raw": usd_from_pusd(entry.raw_pusd),
        "billed": usd_from_pusd(entry.billed_pusd),
        "markup_rate": f"{rate_to_decimal(entry.rate_micro):f}",
        "fixed_fee": usd_from_pusd(entry.fee_pusd),
        "outcome": entry.outcome.value,
        "source": entry.source.value,
        "at": instant(entry.at_ms),
        "booked_at": instant(entry.booked_at_ms),
    }


def _rule(rule: PriceRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "client_id": rule.organization_id,
        "model_pattern": rule.model_pattern,
        "markup_rate": f"{rate_to_decimal(rule.rate_micro):f}",
        "fixed_fee": usd_from_pusd(rule.fee_pusd),
        "effective_from": instant(rule.effective_from_ms),
    }


def _totals(totals: DayTotals | None) -> dict[str, Any] | None:
    if totals is None:
        return None
    found: dict[str, Any] = {
        "requests": totals.requests,
        "raw": usd_from_pusd(totals.raw_pusd),
        "billed": usd_from_pusd(totals.billed_pusd),
    }
    if totals.source is not None:
        found |= {"source": totals.source, "sealed_at": instant_or_none(totals.sealed_at_ms)}
    return found


def _month(month: MonthTotals) -> dict[str, Any]:
    limit = month.limit_pusd
    return {
        "month": month.month,
        "spent": usd_from_pusd(month.spent_pusd),
        "held": usd_from_pusd(month.held_pusd),
        "monthly_limit": None if limit is None else usd_from_pusd(limit),
    }


def _line(case: Case) -> dict[str, Any] | None:
    line = case.line
    if line is None:
        return None
    return {
        "date": line.day.isoformat(),
        "status": line.finding.value,
        "reason": line.reason,
        "captured": usd_from_pusd(line.captured.raw_pusd),
        "provider": usd_from_pusd(line.provider.raw_pusd),
        "adjusted": usd_from_pusd(line.adjusted_pusd),
    }
