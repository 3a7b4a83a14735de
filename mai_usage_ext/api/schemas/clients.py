"""Client organizations on the wire."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import (
    Amount,
    Answer,
    Changes,
    Fields,
    Instant,
    Money,
    Rate,
    instant,
    instant_or_none,
    rate,
)
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import KeyRecord, KeyState, OrganizationQuery, OrganizationRecord

__all__ = ["ClientAnswer", "ClientChange", "ClientIn", "ClientOut", "ClientsOut", "KeyOut"]

_ONE_LINE = 200


class ContactIn(Fields):
    """A person to turn to, beside the billing e-mail."""

    name: str = Field(default="", max_length=_ONE_LINE)
    email: str = Field(default="", max_length=_ONE_LINE)
    phone: str = Field(default="", max_length=_ONE_LINE)
    role: str = Field(default="", max_length=_ONE_LINE)


class ClientChange(Changes):
    """``PATCH clients/{client_id}``."""

    name: str = Field(default="", min_length=1, max_length=200)
    slug: str = Field(default="", pattern=r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$")
    timezone: str = Field(default="", description="IANA zone; the billing days follow it")
    billing_currency: str = Field(
        default="", pattern="^[A-Z]{3}$", description="ISO 4217, for statements; limits are USD"
    )
    billing_email: str | None = None
    contacts: list[ContactIn] = Field(default=[], max_length=20)
    markup_rate: Rate = Field(default="", description="A rule for every model from now on")
    fixed_fee: Money = Field(default="", description="USD added to each call")
    allow_loss: bool = Field(default=False, description="Lets the markup be below 1")
    monthly_limit: Money | None = Field(default=None, description="USD billed; null: no limit")
    on_limit: Literal["block", "alert"] = "block"
    on_meter_failure: Literal["block", "allow"] | None = Field(
        default=None, description="What calls do while it cannot be checked; null: as limited"
    )
    notes: str | None = Field(default=None, max_length=10_000)
    is_active: bool = True


class ClientIn(ClientChange):
    """``POST clients``: what is left out has the settings' default."""

    name: str = Field(min_length=1, max_length=200)
    provision_key: bool = Field(
        default=True, description="Make a key at OpenRouter right away, where one can be made"
    )


class KeyOut(BaseModel):
    """Of an organization's own OpenRouter key, everything but the key. ``label`` is masked."""

    state: KeyState
    hash: str | None
    label: str | None
    problem: str | None
    checked_at: Instant | None
    is_pending: bool
    retires_at: Instant | None

    @classmethod
    def of(cls, key: KeyRecord) -> "KeyOut":
        return cls(
            state=key.state,
            hash=key.hash,
            label=key.label,
            problem=key.problem,
            checked_at=instant_or_none(key.checked_at_ms),
            is_pending=key.pending_name is not None,
            retires_at=instant_or_none(key.retire_at_ms),
        )


class ClientOut(BaseModel):
    """An organization as an admin sees it; ``spent`` and ``held`` are billed USD of ``month``."""

    id: str
    name: str
    slug: str
    status: str
    is_active: bool
    timezone: str
    next_timezone: str | None
    next_timezone_from: Instant | None
    billing_currency: str
    billing_email: str
    contacts: list[dict[str, str]]
    markup_rate: Amount
    fixed_fee: Amount
    monthly_limit: Amount | None
    on_limit: str
    on_meter_failure: str | None
    notes: str
    created_at: Instant
    updated_at: Instant
    deactivated_at: Instant | None
    version: int
    members: int
    month: str
    spent: Amount
    held: Amount
    key: KeyOut

    @classmethod
    def of(cls, record: OrganizationRecord) -> "ClientOut":
        limit = record.monthly_limit_pusd
        return cls(
            id=record.id,
            name=record.name,
            slug=record.slug,
            status=record.status,
            is_active=record.status == "active",
            timezone=record.time_zone,
            next_timezone=record.next_time_zone,
            next_timezone_from=instant_or_none(record.next_time_zone_from_ms),
            billing_currency=record.billing_currency,
            billing_email=record.billing_email,
            contacts=[dict(contact) for contact in record.contacts],
            markup_rate=rate(record.rate_micro),
            fixed_fee=usd_from_pusd(record.fee_pusd),
            monthly_limit=None if limit is None else usd_from_pusd(limit),
            on_limit=record.on_limit,
            on_meter_failure=record.on_meter_failure,
            notes=record.notes,
            created_at=instant(record.created_at_ms),
            updated_at=instant(record.updated_at_ms),
            deactivated_at=instant_or_none(record.deactivated_at_ms),
            version=record.version,
            members=record.members,
            month=record.month,
            spent=usd_from_pusd(record.spent_pusd),
            held=usd_from_pusd(record.held_pusd),
            key=KeyOut.of(record.key),
        )


class ClientAnswer(Answer):
    """One organization."""

    client: ClientOut

    @classmethod
    def of(cls, record: OrganizationRecord, message: str = "") -> "ClientAnswer":
        return cls(message=message, client=ClientOut.of(record))


class ClientsOut(Answer):
    """One page; ``total`` counts all that were asked for."""

    clients: list[ClientOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, records: Sequence[OrganizationRecord], total: int, wanted: OrganizationQuery
    ) -> "ClientsOut":
        clients = [ClientOut.of(record) for record in records]
        return cls(clients=clients, total=total, offset=wanted.offset, limit=wanted.limit)
