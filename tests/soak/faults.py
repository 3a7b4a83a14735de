"""What goes wrong with a call upstream: switches of the simulator, drawn by chance."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["marker", "weather"]

_Switches = dict[str, Any]
_Draw = Callable[[random.Random], _Switches]


def _refused(chance: random.Random) -> _Switches:
    return {"status": chance.choice((429, 500, 503)), "retry_after": 1}


def _late(chance: random.Random) -> _Switches:
    """No usage in the answer, and `/generation` does not know it yet either."""
    return {"usage": "missing", "generation_delay": round(chance.uniform(0.5, 20), 1)}


def _broken(chance: random.Random) -> _Switches:
    return {"stream_error": chance.choice(("with_usage", "without_usage"))}


def _cancelled(chance: random.Random) -> _Switches:
    """What a call costs that its client, or a cut connection, has ended."""
    return {
        "cut_after": chance.randint(0, 8),
        "cancel_billing": chance.choice(("none", "partial", "full")),
    }


# How often, in a hundred calls; the rest are in good health.
_FAULTS: tuple[tuple[int, _Draw], ...] = (
    (4, lambda _: {"usage": "missing"}),
    (3, _late),
    (2, lambda _: {"cost_null": True}),
    (3, lambda _: {"running_totals": True, "usage_shape": "repeated_stop"}),
    (2, lambda _: {"no_done": True}),
    (4, _cancelled),
    (1, lambda _: {"cut_after": -1}),
    (3, _broken),
    (3, _refused),
    (1, lambda _: {"status": 502, "bill_anyway": True}),
    (2, lambda _: {"no_id_header": True}),
    (1, lambda _: {"no_id_anywhere": True, "usage": "missing"}),
    (2, lambda _: {"gzip": True}),
    (2, lambda _: {"split_lines": True, "crlf": True, "processing_comments": True}),
    (2, lambda _: {"dated_slug": True, "usage_null_chunks": True}),
    (2, lambda chance: {"cached_tokens": chance.randint(1, 20)}),
)
_HEALTHY = 100 - sum(weight for weight, _ in _FAULTS)
# It costs a fee on top of what the model's price says, so no limit can foresee it.
_OWN_KEY = {"byok": True}


def marker(chance: random.Random, *, is_limited: bool) -> str:
    """Words in a message that tell the simulator how to behave in this call."""
    weights = [_HEALTHY, *(weight for weight, _ in _FAULTS)]
    draws: list[_Draw] = [lambda _: {}, *(draw for _, draw in _FAULTS)]
    [draw] = chance.choices(draws, weights)
    switches = {
        "first_delay": round(chance.choice((0.0, 0.05, 0.3)) * chance.random(), 3),
        "chunk_delay": chance.choice((0.0, 0.002, 0.01)),
        **draw(chance),
    }
    if not is_limited and chance.random() < 0.02:
        switches |= _OWN_KEY
    return f"[[simulate {json.dumps(switches)}]]"


def weather(chance: random.Random) -> _Switches:
    """A spell of bad weather, which also strikes what carries no marker: titles, look-ups."""
    return chance.choice(
        (
            {"usage": "missing", "times": 5},
            {"cut_after": 1, "times": 3},
            {"status": 503, "times": 3},
            {"first_delay": 2.0, "times": 6},
            {"generation_status": 500, "times": 6},
            {"generation_status": 404, "times": 6},
            {"management_status": 503, "times": 4},
        )
    )
