"""When to ask again for a generation that is not known yet.

OpenRouter answers 404 for a moment after a call, and longer after a cancelled one. We ask often in
the first five minutes, then ever more seldom, and never give up: what is unsettled stays visible.
"""

__all__ = ["FIRST_DELAY_MS", "first_attempt_ms", "next_attempt_ms"]

FIRST_DELAY_MS = 500
_LONGEST_EARLY_MS = 30_000
_EARLY_ATTEMPTS = 16  # 0.5, 1, 2 … 30, 30 s: a little over five minutes
_LONGEST_MS = 3_600_000


def first_attempt_ms(now_ms: int) -> int:
    return now_ms + FIRST_DELAY_MS


def next_attempt_ms(now_ms: int, *, attempts: int, seed: str) -> int:
    """The instant of the next attempt after ``attempts`` failed ones.

    ``seed`` (the hold's id) spreads holds that failed together over a fifth of the delay.
    """
    doubled: int = FIRST_DELAY_MS * 2 ** min(attempts, 20)
    if attempts < _EARLY_ATTEMPTS:
        delay = min(doubled, _LONGEST_EARLY_MS)
    else:
        delay = min(_LONGEST_EARLY_MS * 2 ** min(attempts - _EARLY_ATTEMPTS, 10), _LONGEST_MS)
    spread = int.from_bytes(seed.encode()[-4:], "big") % max(1, delay // 5)
    return now_ms + delay + spread
