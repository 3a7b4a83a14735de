"""Client organizations: made, changed, deactivated and brought back.

A change names fields and values as the API does; every value is checked before anything is written,
and what was written is in the audit trail of the same transaction.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.errors import BadInput, Conflict, NotFound, Outdated
from mai_usage_ext.metering.days import billing_day, day_bounds_ms, zone
from mai_usage_ext.metering.limits import LimitEventKind, marks_passed
from mai_usage_ext.metering.money import (
    RATE_ONE,
    pusd_from_usd,
    rate_from_decimal,
    rate_to_decimal,
    usd_from_pusd,
)
from mai_usage_ext.metering.pricing import checked_fee
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

__all__ = ["OrganizationDefaults", "Organizations", "checked_rate"]

_LONGEST_NAME = 200
_LONGEST_NOTES = 10_000
_MOST_CONTACTS = 20
_CONTACT_FIELDS = ("name", "email", "phone", "role")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationDefaults:
    """What a new organization gets unless told otherwise; the settings say it at that moment."""

    rate_micro: int
    billing_currency: str
    time_zone: str
    alert_thresholds: Sequence[int] = ()


class Organizations:
    """``defaults`` is asked each time, since settings may change while we run."""

    def __init__(
        self,
        store: OrganizationStore,
        *,
        prices: PriceStore,
        events: LimitEventStore,
        audit: Audit,
        defaults: Callable[[], OrganizationDefaults],
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._prices = prices
        self._events = events
        self._audit = audit
        self._defaults = defaults
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
        given = _checked(fields)
        if "name" not in given:
            raise BadInput("name", got=None, expected=f"1 to {_LONGEST_NAME} printable characters")
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
        given = _checked(changes)
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
        for percent in marks_passed(
            self._defaults().alert_thresholds,
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
            )


def checked_rate(rate: object, *, allow_loss: object = False, field: str = "markup_rate") -> int:
    """Millionths of a markup; below one only with ``allow_loss``. Raises ``BadInput``."""
    micro = rate_from_decimal(rate, field=field)
    if micro < RATE_ONE and allow_loss is not True:
        raise BadInput(
            field, got=rate, expected="a rate of at least 1, or allow_loss: true with it"
        )
    return micro


def _checked(fields: Mapping[str, object]) -> dict[str, Any]:
    """Columns of the named fields. Raises ``BadInput`` for the first that is wrong or unknown."""
    given = dict(fields)
    allow_loss = given.pop("allow_loss", False)
    if not isinstance(allow_loss, bool):
        raise BadInput("allow_loss", got=allow_loss, expected="true or false")
    columns: dict[str, Any] = {}
    for name, value in given.items():
        if name == "markup_rate":
            columns["rate_micro"] = checked_rate(value, allow_loss=allow_loss)
        elif name in _FIELDS:
            column, parse = _FIELDS[name]
            columns[column] = parse(value)
        else:
            raise BadInput(name, got=value, expected=f"one of the fields {', '.join(_NAMES)}")
    return columns


def _name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise BadInput("name", got=value, expected=f"1 to {_LONGEST_NAME} printable characters")
    return text


def _slug(value: object) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise BadInput("slug", got=value, expected="1 to 60 of a-z, 0-9 and inner hyphens")
    return value


def _zone_name(value: object) -> str:
    if not isinstance(value, str):
        raise BadInput("timezone", got=value, expected="an IANA zone such as Europe/Warsaw")
    return zone(value).key


def _currency(value: object) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise BadInput("billing_currency", got=value, expected="an ISO 4217 code such as USD")
    return value


def _email(value: object, *, field: str = "billing_email") -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > 254 or not _EMAIL.fullmatch(value):
        raise BadInput(field, got=value, expected="an e-mail address, or an empty string")
    return value


def _contacts(value: object) -> list[dict[str, str]]:
    expected = f"a list of at most {_MOST_CONTACTS} objects of {', '.join(_CONTACT_FIELDS)}"
    if not isinstance(value, list | tuple) or len(value) > _MOST_CONTACTS:
        raise BadInput("contacts", got=value, expected=expected)
    return [_contact(one, expected) for one in value]


def _contact(value: object, expected: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value or set(value) - set(_CONTACT_FIELDS):
        raise BadInput("contacts", got=value, expected=expected)
    for text in value.values():
        if not isinstance(text, str) or len(text) > _LONGEST_NAME or not text.isprintable():
            raise BadInput("contacts", got=text, expected="short printable texts")
    _email(value.get("email", ""), field="contacts.email")
    return {str(name): str(text) for name, text in value.items()}


def _notes(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_NOTES or "\0" in value:
        raise BadInput(
            "notes", got=value, expected=f"a text of at most {_LONGEST_NOTES} characters"
        )
    return value


def _limit(value: object) -> int | None:
    return None if value is None else pusd_from_usd(value, field="monthly_limit", exact=True)


def _one_of(field: str, *choices: str | None) -> Callable[[object], str | None]:
    def parse(value: object) -> str | None:
        if value not in choices or not isinstance(value, str | None):
            expected = " or ".join("null" if choice is None else choice for choice in choices)
            raise BadInput(field, got=value, expected=expected)
        return value

    return parse


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput("is_active", got=value, expected="true or false")
    return value


# The API's name of a field, its column, and what makes the one into the other.
_FIELDS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "name": ("name", _name),
    "slug": ("slug", _slug),
    "timezone": ("timezone", _zone_name),
    "billing_currency": ("billing_currency", _currency),
    "billing_email": ("billing_email", _email),
    "contacts": ("contacts", _contacts),
    "notes": ("notes", _notes),
    "monthly_limit": ("monthly_limit_pusd", _limit),
    "on_limit": ("on_limit", _one_of("on_limit", "block", "alert")),
    "on_meter_failure": (
        "on_meter_failure",
        _one_of("on_meter_failure", "block", "allow", None),
    ),
    "fixed_fee": ("fee_pusd", checked_fee),
    "is_active": ("is_active", _flag),
}
_NAMES = (*_FIELDS, "markup_rate", "allow_loss")


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
