"""Ledger entries: what one generation's usage becomes on its hold's day, at its hold's rate."""

from dataclasses import dataclass

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.money import billed_pusd
from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import Hold, LedgerEntry, Outcome, Source

__all__ = ["Timing", "entry_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds from dispatch to the first byte of the answer, and to its end."""

    first_byte_ms: int | None
    duration_ms: int | None


def entry_of(
    hold: Hold,
    *,
    generation_id: str | None,
    model: str | None,
    provider: str | None,
    usage: Usage,
    outcome: Outcome,
    source: Source,
    timing: Timing,
    booked_at_ms: int,
) -> LedgerEntry:
    """The ledger entry of one generation, on its hold's day and at its hold's rate.

    An answer that names no generation is booked under its hold's id, which is as unique.
    """
    billed = billed_pusd(usage.raw_pusd, rate_micro=hold.rate_micro, fee_pusd=hold.fee_pusd)
    if billed > hold.estimate_pusd:
        # A web search, say: the provider's bill is booked in full, whatever was held.
        tally.add("calls that cost more than was held")
    return LedgerEntry(
        generation_id=generation_id or f"hold:{hold.id}",
        sequence=0,
        organization_id=hold.organization_id,
        user_id=hold.user_id,
        model=model or hold.model,
        provider=provider or "",
        purpose=hold.purpose,
        day=hold.day,
        at_ms=hold.at_ms,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        raw_pusd=usage.raw_pusd,
        billed_pusd=billed,
        rate_micro=hold.rate_micro,
        fee_pusd=hold.fee_pusd,
        outcome=outcome,
        source=source,
        first_byte_ms=timing.first_byte_ms,
        duration_ms=timing.duration_ms,
        booked_at_ms=booked_at_ms,
        key_hash=hold.key_hash,
    )
