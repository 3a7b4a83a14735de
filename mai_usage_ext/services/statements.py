"""Statements: a month's draft is computed whenever it is asked for; a closed one never changes.

What comes to a month after its closing stands on the next statement, as the difference between
what its days add up to by then and all that was stated of it. So nothing has to be held still
while a statement is made: whatever it misses, the next one has.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.metering.currencies import USD, converted
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import (
    UNASSIGNED,
    Actor,
    Clock,
    OrganizationQuery,
    OrganizationRecord,
    OrganizationStore,
    UnitOfWork,
)
from mai_usage_ext.ports.events import EventKind, EventStore
from mai_usage_ext.ports.rates import FxRate
from mai_usage_ext.ports.statements import (
    Amounts,
    Booking,
    Buyer,
    ClosedMark,
    Seller,
    Statement,
    StatementFilter,
    StatementLine,
    StatementStore,
)
from mai_usage_ext.ports.usage import Dimension, UsageLines, UsageQuery
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.closing_conditions import ClosingConditions, Readiness
from mai_usage_ext.services.rates import Rates
from mai_usage_ext.services.statement_lines import ByModel, corrections, reason_of, usage_lines
from mai_usage_ext.services.statement_months import days_of, month_after

__all__ = ["SellerFacts", "Statements"]

_LONGEST_REASON = 500
_MOST_TRIES = 5
_NOT_BILLED = "an organization that is billed; what nobody is assigned to is not"


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerFacts:
    """What the settings say of statements. ``time_zone`` is the seller's, for the day of issue."""

    seller: Seller
    prefix: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    statement: Statement
    mark: ClosedMark | None
    readiness: Readiness


class Statements:
    """``facts`` are asked each time, since settings may change while we run."""

    def __init__(
        self,
        store: StatementStore,
        usage: UsageLines,
        *,
        organizations: OrganizationStore,
        conditions: ClosingConditions,
        rates: Rates,
        events: EventStore,
        facts: Callable[[], SellerFacts],
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._usage = usage
        self._organizations = organizations
        self._conditions = conditions
        self._rates = rates
        self._events = events
        self._facts = facts
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def draft(self, organization_id: str, month: str) -> Statement:
        """What the month's statement would say now, and what stands against closing it.

        Raises ``BadInput`` for a month that has not begun, ``NotFound``, and ``Conflict`` for one
        that has its statement.
        """
        return self._draft(organization_id, month).statement

    def close(
        self, organization_id: str, month: str, *, actor: Actor, force_reason: str | None = None
    ) -> Statement:
        """Number and store it. ``force_reason`` is printed, and lets it be closed although the
        comparison with OpenRouter's figures is not done.

        Raises as ``draft`` does, and ``Conflict`` that says what has to be true first.
        """
        reason = None if force_reason is None else _checked_reason(force_reason)
        for _ in range(_MOST_TRIES):
            draft = self._draft(organization_id, month)
            self._require(draft, reason)
            with suppress(_OvertakenError):
                return self._closed(draft, actor, reason)
        raise Conflict(f"other statements of {organization_id} are being closed", field="month")

    def get(self, statement_id: str) -> Statement:
        """A closed one. Raises ``NotFound``."""
        found = self._store.get(statement_id)
        if found is None:
            raise NotFound(f"there is no statement {statement_id!r}")
        return found

    def find(self, statement_id: str) -> Statement | None:
        """A closed one, or nothing."""
        return self._store.get(statement_id)

    def drafts(
        self, wanted: StatementFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Statement], int]:
        """The drafts of a month, by the names of the organizations that have no statement of it.

        ``offset`` and ``limit`` count organizations. Raises ``BadInput`` without a month, and as
        ``draft`` does for an organization that is named.
        """
        month = wanted.month
        if month is None:
            raise BadInput("month", got=None, expected="the month of the drafts, such as 2026-01")
        days_of(month)
        if wanted.organization_id is not None:
            return [self.draft(wanted.organization_id, month)], 1
        query = OrganizationQuery(offset=offset, limit=limit)
        records, total = self._organizations.records(query, at_ms=self._clock.now_ms())
        found: list[Statement] = []
        for record in records:
            # What is closed already is among the closed ones.
            with suppress(Conflict):
                if record.id != UNASSIGNED:
                    found.append(self.draft(record.id, month))
        return found, total

    def page(
        self, wanted: StatementFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Statement], int]:
        """Closed ones, newest month first. Raises ``BadInput``."""
        if wanted.month is not None:
            days_of(wanted.month)
        return self._store.page(wanted, offset=offset, limit=limit)

    def mark(self, organization_id: str) -> ClosedMark | None:
        """How far the organization is stated."""
        return self._store.mark(organization_id)

    def is_used(self, organization_id: str, month: str) -> bool:
        """Whether anything was used from that month on."""
        first, _ = days_of(month)
        # No zone is a whole day ahead of UTC.
        last = billing_day(self._clock.now_ms(), "UTC") + timedelta(days=1)
        query = UsageQuery(first=first, last=last, organization_id=organization_id)
        return any(line.sums.requests for line in self._usage.lines(query))

    def _draft(self, organization_id: str, month: str) -> _Draft:
        now_ms = self._clock.now_ms()
        organization = self._organization(organization_id, now_ms)
        first, last = days_of(month)
        today = billing_day(now_ms, organization.time_zone)
        if first > today:
            raise BadInput("month", got=month, expected="a month that has begun")
        mark = self._store.mark(organization_id)
        order = _order(mark, month)
        readiness = self._conditions.look(organization, first, last, now_ms=now_ms)
        lines = self._lines(organization_id, month, mark, is_next=not order)
        net_pusd = sum(line.amounts.billed_pusd for line in lines)
        rate, trouble = self._rate(organization.billing_currency, min(last, today))
        facts = self._facts()
        statement = Statement(
            organization_id=organization_id,
            month=month,
            time_zone=organization.time_zone,
            issued_on=billing_day(now_ms, facts.time_zone),
            at_ms=now_ms,
            currency=organization.billing_currency,
            seller=facts.seller,
            buyer=Buyer(
                name=organization.name,
                email=organization.billing_email,
                contacts=tuple(organization.contacts),
            ),
            lines=tuple(lines),
            net_pusd=net_pusd,
            total=_total(net_pusd, organization.billing_currency, rate),
            rate=rate,
            notes=tuple(readiness.notes),
            obstacles=(*order, *readiness.blocking, *readiness.awaited, *trouble),
        )
        blocking = [*order, *readiness.blocking, *trouble]
        return _Draft(
            statement=statement, mark=mark, readiness=replace(readiness, blocking=blocking)
        )

    def _lines(
        self, organization_id: str, month: str, mark: ClosedMark | None, *, is_next: bool
    ) -> list[StatementLine]:
        """Corrections stand on the next statement only, so a later draft leaves them out."""
        if mark is None or not is_next:
            return usage_lines(self._used(organization_id, month, month), month)
        used = self._used(organization_id, mark.first_month, month)
        reasons = _Reasons(self._store, organization_id, mark.at_ms)
        corrected = corrections(used, self._store.stated(organization_id), reason=reasons.of)
        return [*usage_lines(used, month), *corrected]

    def _used(self, organization_id: str, first_month: str, last_month: str) -> ByModel:
        query = UsageQuery(
            first=days_of(first_month)[0],
            last=days_of(last_month)[1],
            organization_id=organization_id,
            group_by=(Dimension.MONTH, Dimension.MODEL),
        )
        return {
            (line.key[0], line.key[1]): Amounts(
                requests=line.sums.requests,
                prompt_tokens=line.sums.prompt_tokens,
                completion_tokens=line.sums.completion_tokens,
                billed_pusd=line.sums.billed_pusd,
            )
            for line in self._usage.lines(query)
        }

    def _rate(self, currency: str, day: date) -> tuple[FxRate | None, list[str]]:
        if currency == USD:
            return None, []
        try:
            rate, problem = self._rates.of(currency, day)
        except BadInput as error:
            return None, [f"the organization's billing currency cannot be used: {error}"]
        return rate, [problem] if problem else []

    def _organization(self, organization_id: str, now_ms: int) -> OrganizationRecord:
        if organization_id == UNASSIGNED:
            raise BadInput("client_id", got=organization_id, expected=_NOT_BILLED)
        found = self._organizations.record(organization_id, at_ms=now_ms)
        if found is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return found

    def _require(self, draft: _Draft, reason: str | None) -> None:
        missing = list(draft.readiness.blocking)
        hint = ""
        if reason is None and draft.readiness.awaited:
            missing += draft.readiness.awaited
            hint = "; a force with a reason closes it without that comparison" * (
                not draft.readiness.blocking
            )
        if missing:
            raise Conflict(
                f"{draft.statement.month} cannot be closed: {'; '.join(missing)}{hint}",
                field="month",
            )

    def _closed(self, draft: _Draft, actor: Actor, reason: str | None) -> Statement:
        """Raises ``_OvertakenError``, and then has taken no number."""
        issued = draft.statement.issued_on
        is_forced = reason is not None and bool(draft.readiness.awaited)
        with self._unit_of_work():
            serial = self._store.next_number(issued.year)
            # From here on nobody else closes anything, so what was true before can be asked again.
            if self._store.mark(draft.statement.organization_id) != draft.mark:
                raise _OvertakenError
            statement = replace(
                draft.statement,
                id=uuid.uuid4().hex,
                number=f"{self._facts().prefix}{issued.year}-{serial:04d}",
                closed_by=actor.id,
                forced_reason=reason or "" if is_forced else "",
                obstacles=(),
            )
            self._store.add(statement, year=issued.year, serial=serial)
            self._events.add(
                EventKind.STATEMENT_CLOSED,
                subject=statement.id,
                at_ms=statement.at_ms,
                data=_event(statement),
                organization_id=statement.organization_id,
            )
            self._audit.record(
                actor=actor,
                action="statement.closed",
                target_kind="organization",
                target_id=statement.organization_id,
                after={
                    "statement": statement.number,
                    "month": statement.month,
                    "total": f"{statement.total} {statement.currency}",
                    **({"force_reason": statement.forced_reason} if is_forced else {}),
                },
            )
        return statement


class _OvertakenError(Exception):
    """Another statement of the organization was closed since the draft was made."""


class _Reasons:
    """Asks once for each month that has a correction."""

    def __init__(self, store: StatementStore, organization_id: str, since_ms: int) -> None:
        self._store = store
        self._organization_id = organization_id
        self._since_ms = since_ms
        self._reopened: Sequence[date] | None = None
        self._booked: dict[str, Sequence[Booking]] = {}

    def of(self, month: str, model: str) -> str:
        first, last = days_of(month)
        if self._reopened is None:
            self._reopened = self._store.reopenings(self._organization_id, since_ms=self._since_ms)
        if month not in self._booked:
            self._booked[month] = self._store.bookings(
                self._organization_id, first=first, last=last, since_ms=self._since_ms
            )
        return reason_of(
            [one for one in self._booked[month] if one.model == model],
            [day for day in self._reopened if first <= day <= last],
        )


def _order(mark: ClosedMark | None, month: str) -> list[str]:
    """Months are stated one after the other. Raises ``Conflict`` for one that was."""
    if mark is None:
        return []
    if mark.first_month <= month <= mark.last_month:
        raise Conflict(f"{month} has its statement already, which never changes", field="month")
    if month < mark.first_month:
        return [f"the first statement is of {mark.first_month}, and no earlier month gets one"]
    following = month_after(mark.last_month)
    return [] if month == following else [f"{following} has to be closed first"]


def _total(net_pusd: int, currency: str, rate: FxRate | None) -> Decimal | None:
    if currency == USD:
        return converted(net_pusd, Decimal(1), USD)
    return None if rate is None else converted(net_pusd, rate.rate, currency)


def _checked_reason(reason: str) -> str:
    text = reason.strip()
    if not text or len(text) > _LONGEST_REASON or not text.isprintable():
        raise BadInput(
            "force_reason", got=reason, expected=f"1 to {_LONGEST_REASON} printable characters"
        )
    return text


def _event(statement: Statement) -> Mapping[str, Any]:
    return {
        "statement_id": statement.id,
        "number": statement.number,
        "client_id": statement.organization_id,
        "month": statement.month,
        "issued_on": statement.issued_on.isoformat(),
        "net_usd": usd_from_pusd(statement.net_pusd),
        "currency": statement.currency,
        "total": format(statement.total, "f"),
    }
