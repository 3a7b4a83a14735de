"""Statements on the wire: billed money alone, which is why the organization may see them too."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import Amount, Answer, Changes, Instant, instant
from mai_usage_ext.metering.currencies import RULE
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.rates import FxRate
from mai_usage_ext.ports.statements import Buyer, Seller, Statement, StatementLine

__all__ = [
    "CloseIn",
    "MyStatementAnswer",
    "MyStatementsOut",
    "StatementAnswer",
    "StatementsOut",
]


class CloseIn(Changes):
    """``force_reason`` closes it although the comparison with OpenRouter's figures is not done; it
    is printed on the statement."""

    force_reason: str | None = Field(default=None, max_length=500)


class StatementLineOut(BaseModel):
    """``month`` is the statement's own, or the earlier one that a correction is of. ``billed`` is
    USD, exact."""

    kind: str
    month: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    billed: Amount
    reason: str

    @classmethod
    def of(cls, line: StatementLine) -> "StatementLineOut":
        return cls(
            kind=line.kind.value,
            month=line.month,
            model=line.model,
            requests=line.amounts.requests,
            prompt_tokens=line.amounts.prompt_tokens,
            completion_tokens=line.amounts.completion_tokens,
            billed=usd_from_pusd(line.amounts.billed_pusd),
            reason=line.reason,
        )


class StatementRateOut(BaseModel):
    """Units of the currency for one USD, and when and where they were published."""

    rate: Amount
    date: str
    source: str
    note: str

    @classmethod
    def of(cls, rate: FxRate) -> "StatementRateOut":
        return cls(
            rate=format(rate.rate, "f"),
            date=rate.day.isoformat(),
            source=rate.source.value,
            note=rate.note,
        )


class SellerOut(BaseModel):
    name: str
    address: str
    tax_id: str
    email: str
    note: str

    @classmethod
    def of(cls, seller: Seller) -> "SellerOut":
        return cls(
            name=seller.name,
            address=seller.address,
            tax_id=seller.tax_id,
            email=seller.email,
            note=seller.note,
        )


class BuyerOut(BaseModel):
    name: str
    email: str

    @classmethod
    def of(cls, buyer: Buyer) -> "BuyerOut":
        return cls(name=buyer.name, email=buyer.email)


class MyStatementOut(BaseModel):
    """``net`` is what the lines add up to, in USD, exactly; ``total`` the same in ``currency``,
    rounded once by ``rounding``. ``rate`` is null in USD."""

    id: str
    number: str
    month: str
    timezone: str
    issued_on: str
    closed_at: Instant | None
    currency: str
    net: Amount
    total: Amount | None
    rate: StatementRateOut | None
    rounding: str
    seller: SellerOut
    buyer: BuyerOut
    lines: list[StatementLineOut]
    remarks: list[str]
    force_reason: str

    @classmethod
    def of(cls, one: Statement) -> "MyStatementOut":
        return cls.model_validate(_said(one))


class StatementOut(MyStatementOut):
    """``state`` is ``draft`` or ``closed``; ``obstacles`` say what a draft cannot be closed for
    now. A draft has neither id nor number, and a total only where its rate is known."""

    client_id: str
    state: Literal["draft", "closed"]
    closed_by: str
    obstacles: list[str]

    @classmethod
    def of(cls, one: Statement) -> "StatementOut":
        return cls.model_validate(
            {
                **_said(one),
                "client_id": one.organization_id,
                "state": "draft" if one.is_draft else "closed",
                "closed_by": one.closed_by,
                "obstacles": list(one.obstacles),
            }
        )


class StatementAnswer(Answer):
    statement: StatementOut


class MyStatementAnswer(Answer):
    statement: MyStatementOut


class StatementsOut(Answer):
    """One page, newest month first."""

    statements: list[StatementOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, found: Sequence[Statement], total: int, *, offset: int, limit: int
    ) -> "StatementsOut":
        shown = [StatementOut.of(one) for one in found]
        return cls(statements=shown, total=total, offset=offset, limit=limit)


class MyStatementsOut(Answer):
    """One page, newest month first."""

    client_id: str
    statements: list[MyStatementOut]
    total: int
    offset: int

    @classmethod
    def of(
        cls, client_id: str, found: Sequence[Statement], total: int, *, offset: int
    ) -> "MyStatementsOut":
        shown = [MyStatementOut.of(one) for one in found]
        return cls(client_id=client_id, statements=shown, total=total, offset=offset)


def _said(one: Statement) -> dict[str, object]:
    return {
        "id": one.id,
        "number": one.number,
        "month": one.month,
        "timezone": one.time_zone,
        "issued_on": one.issued_on.isoformat(),
        "closed_at": None if one.is_draft else instant(one.at_ms),
        "currency": one.currency,
        "net": usd_from_pusd(one.net_pusd),
        "total": None if one.total is None else format(one.total, "f"),
        "rate": None if one.rate is None else StatementRateOut.of(one.rate),
        "rounding": RULE,
        "seller": SellerOut.of(one.seller),
        "buyer": BuyerOut.of(one.buyer),
        "lines": [StatementLineOut.of(line) for line in one.lines],
        "remarks": list(one.notes),
        "force_reason": one.forced_reason,
    }
