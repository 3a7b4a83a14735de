"""The table of all organizations, on the wire."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

from mai_usage_ext.api.schemas.usage_measures import decimal_or_none, money_or_none
from mai_usage_ext.api.schemas.values import Amount, Answer, Instant, instant
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import KeyRecord, KeyState, OrganizationQuery
from mai_usage_ext.services.client_overview import ClientPage, ClientStanding

__all__ = ["ByClientOut"]


class ClientSumsOut(BaseModel):
    """``billed`` is what clients pay, ``raw_cost`` what OpenRouter charges. Money is USD."""

    billed: Amount
    raw_cost: Amount
    profit: Amount
    profit_margin_percent: Amount | None
    requests: int
    tokens: int

    @classmethod
    def of(cls, sums: UsageTally) -> "ClientSumsOut":
        return cls(
            billed=usd_from_pusd(sums.billed_pusd),
            raw_cost=usd_from_pusd(sums.raw_pusd),
            profit=usd_from_pusd(sums.profit_pusd),
            profit_margin_percent=decimal_or_none(sums.margin_percent),
            requests=sums.requests,
            tokens=sums.tokens,
        )


class RowKeyOut(BaseModel):
    """``problem`` is a key that does not work as it should; the sentence says why, where one is
    known. ``label`` is masked."""

    state: Literal["none", "active", "disabled", "problem"]
    label: str | None
    problem: str | None

    @classmethod
    def of(cls, key: KeyRecord) -> "RowKeyOut":
        is_broken = key.state in (KeyState.LOST, KeyState.UNREADABLE) or key.problem is not None
        return cls(
            state="problem" if is_broken else _STATES[key.state],
            label=key.label,
            problem=key.problem,
        )


_STATES: dict[KeyState, Literal["none", "active", "disabled"]] = {
    KeyState.NONE: "none",
    KeyState.ACTIVE: "active",
    KeyState.DISABLED: "disabled",
}


class ClientRowOut(BaseModel):
    """One organization. ``as_of`` is its own day; ``previous_to_date`` has the days up to the same
    number of the month before. ``sparkline`` is what was billed on each of the last thirty days,
    oldest first."""

    client_id: str
    client_name: str
    slug: str
    status: str
    is_active: bool
    timezone: str
    month: str
    as_of: date
    this_month: ClientSumsOut
    previous_to_date: ClientSumsOut
    billed_change_percent: Amount | None
    monthly_limit: Amount | None
    held: Amount
    used_percent: Amount | None
    on_limit: str
    members: int
    key: RowKeyOut
    last_activity: date | None
    sparkline: list[Amount]

    @classmethod
    def of(cls, one: ClientStanding) -> "ClientRowOut":
        record = one.record
        return cls(
            client_id=record.id,
            client_name=record.name,
            slug=record.slug,
            status=record.status,
            is_active=record.status == "active",
            timezone=record.time_zone,
            month=record.month,
            as_of=one.month.today,
            this_month=ClientSumsOut.of(one.month.now),
            previous_to_date=ClientSumsOut.of(one.month.before),
            billed_change_percent=decimal_or_none(one.change_percent),
            monthly_limit=money_or_none(record.monthly_limit_pusd),
            held=usd_from_pusd(record.held_pusd),
            used_percent=decimal_or_none(one.used_percent),
            on_limit=record.on_limit,
            members=record.members,
            key=RowKeyOut.of(record.key),
            last_activity=one.month.fact.last_day,
            sparkline=[usd_from_pusd(billed) for billed in one.days],
        )


class ByClientOut(Answer):
    """One page; ``totals`` and ``previous_totals`` are of all that were asked for."""

    clients: list[ClientRowOut]
    totals: ClientSumsOut
    previous_totals: ClientSumsOut
    total: int
    offset: int
    limit: int
    last_updated: Instant

    @classmethod
    def of(cls, page: ClientPage, wanted: OrganizationQuery) -> "ByClientOut":
        return cls(
            clients=[ClientRowOut.of(one) for one in page.clients],
            totals=ClientSumsOut.of(page.now),
            previous_totals=ClientSumsOut.of(page.before),
            total=page.count,
            offset=wanted.offset,
            limit=wanted.limit,
            last_updated=instant(page.as_of_ms),
        )
