"""What an answer means, and when to try again.

Ten attempts within about 75 hours, so that a receiver that is down for a weekend misses nothing.
"""

import hashlib

from mai_usage_ext.ports.webhooks import Answered, DeliveryState, DueDelivery, Outcome

__all__ = ["DELAYS_MS", "GONE", "outcome_of", "pause_ms"]

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
DELAYS_MS = (
    5 * _SECOND,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""How long after each failed attempt the next one follows; after the last there is none."""

GONE = 410
# Whoever says these may say when to come again, and is taken at their word up to a day.
_BUSY = (429, 503)
_LONGEST_PAUSE_MS = 24 * _HOUR


def outcome_of(due: DueDelivery, answered: Answered, *, now_ms: int, is_last: bool) -> Outcome:
    """What an attempt means for its delivery; ``is_last`` where there is to be no other."""
    status = answered.status
    if status is not None and 200 <= status < 300:
        return Outcome(state=DeliveryState.DELIVERED, answered=answered, at_ms=now_ms)
    next_ms = None if is_last or status == GONE else _next_attempt_ms(due, now_ms)
    if next_ms is None:
        return Outcome(state=DeliveryState.DEAD, answered=answered, at_ms=now_ms)
    next_ms = max(next_ms, now_ms + pause_ms(answered))
    return Outcome(
        state=DeliveryState.FAILED, answered=answered, at_ms=now_ms, next_attempt_ms=next_ms
    )


def pause_ms(answered: Answered) -> int:
    """How long the receiver wants to be left alone."""
    if answered.status not in _BUSY or answered.retry_after_s is None:
        return 0
    return min(answered.retry_after_s * _SECOND, _LONGEST_PAUSE_MS)


def _next_attempt_ms(due: DueDelivery, now_ms: int) -> int | None:
    """A tenth to either side of the delay, so that what failed together is not tried together."""
    if due.attempts > len(DELAYS_MS):
        return None
    delay = DELAYS_MS[due.attempts - 1]
    seed = hashlib.sha256(f"{due.id}/{due.attempts}".encode()).digest()
    spread = int.from_bytes(seed[:4], "big") % (delay // 5 + 1)
    return now_ms + delay - delay // 10 + spread
