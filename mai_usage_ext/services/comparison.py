"""Ours beside theirs, for one key and UTC day: pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass

from mai_usage_ext.ports.reconciliation import (
    Adjusted,
    Captured,
    Figures,
    Midnight,
    ModelDifference,
    ProviderDay,
)

__all__ = ["Comparison", "compare", "rounding_pusd"]

# Less than 99.5 % captured is worth an alert.
_BELOW_PER_MILLE = 995


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``difference_pusd`` is what OpenRouter says beyond all that is booked; ``is_equal`` that it
    is no more than numbers lose on their way. ``across_midnight`` calls may count on either day;
    ``midnight`` is on which, where only one of the two fits."""

    captured: Figures
    adjusted: Figures
    provider: Figures
    models: tuple[ModelDifference, ...]
    difference_pusd: int
    is_equal: bool
    across_midnight: int
    midnight: Midnight | None

    @property
    def is_below(self) -> bool:
        return self.captured.raw_pusd * 1000 < self.provider.raw_pusd * _BELOW_PER_MILLE

    @property
    def missing(self) -> tuple[ModelDifference, ...]:
        """The models of which OpenRouter says more than the meter saw."""
        return tuple(one for one in self.models if one.theirs.raw_pusd > one.ours.raw_pusd)


def compare(
    captured: Captured, adjusted: Adjusted, provider: ProviderDay, *, midnight: Midnight | None
) -> Comparison:
    """``midnight`` is where calls across midnight are known to count. Where that is not known they
    count where it makes the sides equal, else where most is ours: what may be booked on the other
    day already must not be booked again."""
    sides = {
        Midnight.START: _added(captured.within, captured.out_of),
        Midnight.END: _added(captured.within, captured.into),
    }
    theirs = _total(provider.models)
    rounding = rounding_pusd(theirs)
    differences = {
        side: theirs.raw_pusd - _total(models).raw_pusd - adjusted.figures.raw_pusd
        for side, models in sides.items()
    }
    equal = [side for side, difference in differences.items() if abs(difference) <= rounding]
    if len(equal) != 1 and midnight is not None:
        chosen = midnight
    else:
        chosen = equal[0] if equal else min(sides, key=lambda side: differences[side])
    crossing = _total(captured.out_of) + _total(captured.into)
    return Comparison(
        captured=_total(sides[chosen]),
        adjusted=adjusted.figures,
        provider=theirs,
        models=_differences(_named(sides[chosen], provider.names), provider.models),
        difference_pusd=differences[chosen],
        is_equal=chosen in equal,
        across_midnight=crossing.requests,
        midnight=equal[0] if len(equal) == 1 else None,
    )


def rounding_pusd(theirs: Figures) -> int:
    """How far sums that mean the same may lie apart: half a picodollar for every call that was
    rounded, and what a double cannot tell of an amount as large as this."""
    return (theirs.requests + 1) // 2 + (theirs.raw_pusd >> 50)


def _total(models: Mapping[str, Figures]) -> Figures:
    return sum(models.values(), Figures())


def _added(one: Mapping[str, Figures], other: Mapping[str, Figures]) -> dict[str, Figures]:
    names = one.keys() | other.keys()
    return {name: one.get(name, Figures()) + other.get(name, Figures()) for name in names}


def _named(models: Mapping[str, Figures], names: Mapping[str, str]) -> dict[str, Figures]:
    """The same under the names that OpenRouter gives the models on its own lists."""
    renamed: dict[str, Figures] = {}
    for model, figures in models.items():
        name = names.get(model, model)
        renamed[name] = renamed.get(name, Figures()) + figures
    return renamed


def _differences(
    ours: Mapping[str, Figures], theirs: Mapping[str, Figures]
) -> tuple[ModelDifference, ...]:
    return tuple(
        ModelDifference(
            model=model, ours=ours.get(model, Figures()), theirs=theirs.get(model, Figures())
        )
        for model in sorted(ours.keys() | theirs.keys())
        if ours.get(model) != theirs.get(model)
    )
