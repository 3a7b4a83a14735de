"""One ledger entry for what a key's UTC day lacks: whose it is, and at which price."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from mai_usage_ext.metering.days import month_of
from mai_usage_ext.metering.money import billed_pusd
from mai_usage_ext.metering.pricing import Price
from mai_usage_ext.ports import UNASSIGNED, Hold, LedgerEntry, Outcome, Source
from mai_usage_ext.services.comparison import Comparison

__all__ = ["PURPOSE", "SEVERAL", "Adjustment", "adjustment_of", "generation_id_of"]

PURPOSE = "reconciliation"
# The model of an entry that stands for calls of more than one.
SEVERAL = "several"

_PriceOf = Callable[[str, str], Price]
"""The price of a model for an organization on the day in question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An entry, and the hold that the ledger takes it with, which no table has."""

    hold: Hold
    entry: LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    organization_id: str
    user_id: str | None
    day: date
    price: Price | None


def generation_id_of(key_hash: str, day: date) -> str:
    """What all adjustments of a key's UTC day are booked under, told apart by their sequence."""
    return f"reconciliation:{key_hash[:16]}:{day.isoformat()}"


def adjustment_of(
    comparison: Comparison,
    *,
    day: date,
    begin_ms: int,
    key_hash: str,
    owner: str | None,
    holds: Sequence[Hold],
    sequence: int,
    price_of: _PriceOf,
    now_ms: int,
) -> Adjustment:
    """Everything that is missing, as the entry after ``sequence``.

    ``holds`` are those of the day that no generation was found for: they say whose the money is
    where they agree. Else it is nobody's, in the organization ``owner`` that has the key, or in
    the one for what is unassigned. ``begin_ms`` is the UTC day's first instant.
    """
    calls = _lacking(comparison, "requests")
    fitting = _fitting(holds, comparison, calls)
    place = _place(fitting, owner, day)
    model = _model(comparison, fitting)
    price = place.price or price_of(place.organization_id, model)
    fee_pusd = price.fee_pusd * calls
    raw_pusd = comparison.difference_pusd
    entry = LedgerEntry(
        generation_id=generation_id_of(key_hash, day),
        sequence=sequence + 1,
        organization_id=place.organization_id,
        user_id=place.user_id,
        model=model,
        provider="",
        purpose=PURPOSE,
        day=place.day,
        at_ms=begin_ms,
        prompt_tokens=_lacking(comparison, "prompt_tokens"),
        completion_tokens=_lacking(comparison, "completion_tokens"),
        cached_tokens=0,
        reasoning_tokens=_lacking(comparison, "reasoning_tokens"),
        raw_pusd=raw_pusd,
        billed_pusd=billed_pusd(raw_pusd, rate_micro=price.rate_micro, fee_pusd=fee_pusd),
        rate_micro=price.rate_micro,
        fee_pusd=fee_pusd,
        outcome=Outcome.COMPLETED,
        source=Source.ADJUSTMENT,
        first_byte_ms=None,
        duration_ms=None,
        booked_at_ms=now_ms,
        key_hash=key_hash,
    )
    return Adjustment(hold=_stand_in(entry), entry=entry)


def _fitting(holds: Sequence[Hold], comparison: Comparison, calls: int) -> Sequence[Hold]:
    """Those of a model that is missing; all of them where their models say nothing. None where
    more calls are missing than there are holds: somebody else made calls with this key."""
    missing = {one.model for one in comparison.missing}
    fitting = [hold for hold in holds if hold.model in missing] or holds
    return fitting if calls <= len(fitting) else ()


def _place(holds: Sequence[Hold], owner: str | None, day: date) -> _Place:
    organizations = {hold.organization_id for hold in holds}
    if len(organizations) != 1 or (owner is not None and organizations != {owner}):
        return _Place(organization_id=owner or UNASSIGNED, user_id=None, day=day, price=None)
    users = {hold.user_id for hold in holds}
    days = {hold.day for hold in holds}
    prices = {Price(rate_micro=hold.rate_micro, fee_pusd=hold.fee_pusd) for hold in holds}
    return _Place(
        organization_id=organizations.pop(),
        user_id=users.pop() if len(users) == 1 else None,
        day=days.pop() if len(days) == 1 else day,
        price=prices.pop() if len(prices) == 1 else None,
    )


def _model(comparison: Comparison, holds: Sequence[Hold]) -> str:
    for names in ({one.model for one in comparison.missing}, {hold.model for hold in holds}):
        if len(names) == 1:
            return names.pop() or SEVERAL
    return SEVERAL


def _lacking(comparison: Comparison, name: str) -> int:
    theirs, ours = getattr(comparison.provider, name), getattr(comparison.captured, name)
    return max(0, int(theirs - ours - getattr(comparison.adjusted, name)))


def _stand_in(entry: LedgerEntry) -> Hold:
    """The ledger files an entry by its hold's instant, which is the same for every run."""
    return Hold(
        id=f"{entry.generation_id}:{entry.sequence}",
        organization_id=entry.organization_id,
        user_id=entry.user_id,
        model=entry.model,
        purpose=entry.purpose,
        estimate_pusd=0,
        rate_micro=entry.rate_micro,
        fee_pusd=entry.fee_pusd,
        day=entry.day,
        month=month_of(entry.day),
        at_ms=entry.at_ms,
        owner=PURPOSE,
        key_hash=entry.key_hash,
    )
