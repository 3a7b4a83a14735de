"""How the benchmarks write a figure beside what it has to be."""

import statistics
from collections.abc import Sequence

__all__ = ["Arguments", "at_least", "at_most", "percentile"]

Arguments = tuple[str, ...]
"""What a benchmark is told; ``--full`` is all there is."""


def percentile(values: Sequence[float], part: int) -> float:
    return statistics.quantiles(values, n=100)[part - 1]


def at_most(value: float, target: float) -> str:
    return _verdict("≤", target, is_held=value <= target)


def at_least(value: float, target: float) -> str:
    return _verdict("≥", target, is_held=value >= target)


def _verdict(sign: str, target: float, *, is_held: bool) -> str:
    return f"(target {sign} {target:g}: {'held' if is_held else 'MISSED'})"
