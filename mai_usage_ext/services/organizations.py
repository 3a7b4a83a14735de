"""Client organizations: made, changed, deactivated and brought back.

A change names fields and values as the API does; every value is checked before anything is written,
and what was written is in the audit trail of the same transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.errors import BadInput, Conflict, NotFound, Outdated
from mai_usage_ext.metering.days import billing_day, day_bounds_ms
from mai_usage_ext.metering.limits import LimitEventKind, Marks, marks_passed
from mai_usage_ext.metering.money import (
    rate_to_decimal,
    usd_from_pusd,
)
from mai_usage_ext.ports import (
    DEFAULT_ID,
    UNASSIGNED,
    Actor,
    Clock,
    LimitEventStore,
    OrganizationQuery,
    OrganizationRecord,
    OrganizationStore,
    PriceStore,
    UnitOfWork,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.organization_fields import checked_fields, missing_name

__all__ = ["OrganizationDefaults", "Organizations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationDefaults:
    """What a new organization gets unless told otherwise; the settings say it at that moment."""

    rate_micro: int
    billing_currency: str
    time_zone: str


class Organizations:
    """``defaults`` and ``marks`` are asked each time, since settings may change while we run."""

    def __init__(
        self,
        store: OrganizationStore,
        *,
        prices: PriceStore,
        events: LimitEventStore,
        audit: Audit,
        defaults: Callable[[], OrganizationDefaults],
        marks: Callable[[], Marks] = Marks,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._prices = prices
        self._events = events
        self._audit = audit
        self._defaults = defaults
        self._marks = marks
        self._unit_of_work = unit_of_work
        self._clock = clock

    def get(self, organization_id: str) -> OrganizationRecord:
        """Raises ``NotFound``."""
        record = self._store.record(organization_id, at_ms=self._clock.now_ms())
        if record is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return record

    def page(self, wanted: OrganizationQuery) -> tuple[Sequence[OrganizationRecord], int]:
        """One page, and how many there are in all. Raises ``BadInput``."""
        if wanted.sort not in OrganizationQuery.SORTS:
            raise BadInput("sort", got=wanted.sort, expected=", ".join(OrganizationQuery.SORTS))
        if wanted.status not in (None, "active", "deactivated"):
            raise BadInput("status", got=wanted.status, expected="active or deactivated")
        return self._store.records(wanted, at_ms=self._clock.now_ms())

    def create(self, fields: Mapping[str, object], *, actor: Actor) -> OrganizationRecord:
        """A new organization. Raises ``BadInput`` naming a field, ``Conflict`` for a taken slug."""
        given = checked_fields(fields)
        if "name" not in given:
            raise missing_name()
        given.pop("is_active", None)
        defaults, now_ms = self._defaults(), self._clock.now_ms()
        rate = given.pop("rate_micro", defaults.rate_micro)
        fee = given.pop("fee_pusd", 0)
        columns = {"billing_currency": defaults.billing_currency, **given}
        with self._unit_of_work():
            made = self._store.create(
                time_zone=columns.pop("timezone", defaults.time_zone),
                rate_micro=rate,
                now_ms=now_ms,
                **columns,
            )
            if fee:
                self._add_rule(made.id, rate, fee, from_ms=now_ms + 1)
            record = self.get(made.id)
            self._audit.record(
                actor=actor,
                action="organization.created",
                target_kind="organization",
                target_id=made.id,
                after=_shown(record),
            )
        return record

    def change(
        self,
        organization_id: str,
        changes: Mapping[str, object],
        *,
        actor: Actor,
        version: int | None = None,
    ) -> OrganizationRecord:
        """Change the named fields. ``version`` is the one the caller has seen.

        Raises ``NotFound``, ``BadInput``, ``Outdated`` when somebody was faster, ``Conflict``.
        """
        given = checked_fields(changes)
        with self._unit_of_work():
            before = self.get(organization_id)
            if version is not None and version != before.version:
                raise _outdated(before)
            after = self._apply(before, given)
            if after is before:
                return before
            self._audit.record(
                actor=actor,
                action="organization.changed",
                target_kind="organization",
                target_id=organization_id,
                **_difference(before, after),
            )
        return after

    def deactivate(
        self, organization_id: str, *, actor: Actor, version: int | None = None
    ) -> OrganizationRecord:
        """Its members are refused from now on; what it used stays. ``change`` brings it back."""
        return self.change(organization_id, {"is_active": False}, actor=actor, version=version)

    def _apply(self, before: OrganizationRecord, given: dict[str, Any]) -> OrganizationRecord:
        now_ms = self._clock.now_ms()
        columns = dict(given)
        rate = columns.pop("rate_micro", before.rate_micro)
        fee = columns.pop("fee_pusd", before.fee_pusd)
        beyond = _status(before, columns.pop("is_active", None), now_ms)
        beyond |= _zone_change(before, columns.pop("timezone", None), now_ms)
        columns = {
            name: value for name, value in columns.items() if value != _present(before, name)
        } | beyond
        is_new_price = (rate, fee) != (before.rate_micro, before.fee_pusd)
        if not columns and not is_new_price:
            return before
        if not self._store.change(before.id, columns, version=before.version, now_ms=now_ms):
            raise _outdated(self.get(before.id))
        if is_new_price:
            self._add_rule(before.id, rate, fee, from_ms=now_ms)
        if columns.get("monthly_limit_pusd") is not None:
            self._note_passed(before, columns["monthly_limit_pusd"], now_ms)
        return self.get(before.id)

    def _add_rule(self, organization_id: str, rate: int, fee: int, *, from_ms: int) -> None:
        """An organization-wide price from now on; what was booked keeps the rate it was booked at.

        Two changes within one millisecond follow each other by one.
        """
        while True:
            try:
                self._prices.add(
                    organization_id=organization_id,
                    model_pattern=None,
                    effective_from_ms=from_ms,
                    rate_micro=rate,
                    fee_pusd=fee,
                    now_ms=from_ms,
                )
            except Conflict:
                from_ms += 1
            else:
                return

    def _note_passed(self, before: OrganizationRecord, limit_pusd: int, now_ms: int) -> None:
        """A lower limit may be passed by what is spent already."""
        percents = self._marks().percents(before.id)
        for percent in marks_passed(
            percents,
            limit_pusd=limit_pusd,
            before_pusd=-1,
            after_pusd=before.spent_pusd,
        ):
            self._events.add(
                kind=LimitEventKind.THRESHOLD,
                organization_id=before.id,
                month=before.month,
                percent=percent,
                limit_pusd=limit_pusd,
                spent_pusd=before.spent_pusd,
                at_ms=now_ms,
                rule=percents[percent],
            )


def _status(before: OrganizationRecord, is_active: bool | None, now_ms: int) -> dict[str, Any]:
    if is_active is None or is_active == (before.status == "active"):
        return {}
    if is_active:
        return {"status": "active", "deactivated_at_ms": None}
    if before.id == UNASSIGNED:
        raise Conflict("calls of unassigned users are metered there", field="is_active")
    if before.id == DEFAULT_ID:
        raise Conflict(
            "newcomers go to the default organization; switch it off with the setting "
            "MAI_USAGE_DEFAULT_ORGANIZATION=off instead",
            field="is_active",
        )
    return {"status": "deactivated", "deactivated_at_ms": now_ms}


def _zone_change(before: OrganizationRecord, wanted: str | None, now_ms: int) -> dict[str, Any]:
    """From the end of the present day on; nothing that is booked moves."""
    if wanted is None or wanted == (before.next_time_zone or before.time_zone):
        return {}
    columns: dict[str, Any] = {"timezone": before.time_zone}
    if wanted == before.time_zone:
        return {**columns, "next_timezone": None, "next_timezone_from_ms": None}
    today = billing_day(now_ms, before.time_zone)
    _, midnight_ms = day_bounds_ms(today, before.time_zone)
    return {**columns, "next_timezone": wanted, "next_timezone_from_ms": midnight_ms}


def _present(record: OrganizationRecord, column: str) -> Any:
    value = getattr(record, column)
    return list(value) if column == "contacts" else value


def _outdated(record: OrganizationRecord) -> Outdated:
    return Outdated(
        f"organization {record.id} was changed in the meantime; it has version {record.version}",
        field="If-Match",
    )


def _shown(record: OrganizationRecord) -> dict[str, Any]:
    """What the audit trail keeps of an organization."""
    limit = record.monthly_limit_pusd
    return {
        "name": record.name,
        "slug": record.slug,
        "status": record.status,
        "timezone": record.next_time_zone or record.time_zone,
        "timezone_from_ms": record.next_time_zone_from_ms,
        "billing_currency": record.billing_currency,
        "billing_email": record.billing_email,
        "contacts": [dict(contact) for contact in record.contacts],
        "notes": record.notes,
        "monthly_limit": None if limit is None else usd_from_pusd(limit),
        "on_limit": record.on_limit,
        "on_meter_failure": record.on_meter_failure,
        "markup_rate": f"{rate_to_decimal(record.rate_micro):f}",
        "fixed_fee": usd_from_pusd(record.fee_pusd),
    }


def _difference(before: OrganizationRecord, after: OrganizationRecord) -> dict[str, Any]:
    old, new = _shown(before), _shown(after)
    changed = [name for name in old if old[name] != new[name]]
    return {
        "before": {name: old[name] for name in changed},
        "after": {name: new[name] for name in changed},
    }
