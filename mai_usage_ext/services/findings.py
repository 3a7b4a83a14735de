"""What a comparison means, in words: exact, adjusted, or not explained."""

from mai_usage_ext.guard import tally
from mai_usage_ext.ports.reconciliation import Adjusted, Finding, ReconciliationRecord
from mai_usage_ext.services.comparison import Comparison

__all__ = ["finding_of", "is_used", "tell"]


def is_used(comparison: Comparison, adjusted: Adjusted) -> bool:
    """Whether anybody says that the key made a call on the day."""
    booked = comparison.captured.requests or comparison.across_midnight or adjusted.sequence
    return bool(booked or comparison.provider.requests or comparison.provider.raw_pusd)


def finding_of(comparison: Comparison, adjusted: Adjusted, *, unmarked: int) -> tuple[Finding, str]:
    crossing = comparison.across_midnight
    also = f"; {crossing} calls ran across midnight" if crossing else ""
    if comparison.is_equal:
        if adjusted.sequence:
            return Finding.ADJUSTED, "equal with what was booked here"
        return Finding.EXACT, ""
    if comparison.difference_pusd < 0:
        # What a customer was billed is not taken back unseen: whose figure is wrong, a person has
        # to say.
        return (
            Finding.UNEXPLAINED,
            f"OpenRouter shows less than is booked; nothing was booked{also}",
        )
    if unmarked:
        nameless = f"{unmarked} calls of this day were noted without their key"
        return Finding.UNEXPLAINED, f"OpenRouter shows more than is booked, and {nameless}{also}"
    return Finding.ADJUSTED, f"OpenRouter showed more than was booked; the rest was booked{also}"


def tell(line: ReconciliationRecord) -> None:
    """Count and log what somebody should look at."""
    if line.is_below:
        tally.warn(
            "reconciliations below 99.5 %",
            f"of the key {line.key_hash[:16]} on {line.day} the meter captured less than 99.5 %",
        )
    if line.finding is Finding.UNEXPLAINED:
        tally.warn(
            "reconciliations unexplained",
            f"the key {line.key_hash[:16]} on {line.day}: {line.reason}",
        )
