"""The lines of a report, and how all but the dearest are folded into one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.ports.usage import Dimension, UsageLine, UsagePlace
from mai_usage_ext.services.people import Person

__all__ = ["TIMES", "Folding", "ReportLine"]

TIMES = frozenset({Dimension.DAY, Dimension.WEEK, Dimension.MONTH})

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """``person`` and ``place`` say who is meant by a key's ids, where it has any. ``previous`` is
    the same of the period before, where that was asked for and the line is not about time.

    ``is_rest`` is a line of everything that was folded; its key has ``""`` in the folded place, and
    on how many days there was any of it nobody knows: ``days`` is 0 then.
    """

    key: _Key
    sums: UsageTally
    days: int
    is_rest: bool = False
    place: UsagePlace | None = None
    person: Person | None = None
    previous: UsageTally | None = None


@dataclass(frozen=True, slots=True)
class Folding:
    """Keeps the values that cost most in the whole period, the dearest first in ``kept``; ``index``
    is the place of their dimension in keys."""

    index: int
    kept: Sequence[str]

    @classmethod
    def of(cls, group_by: Sequence[Dimension], lines: Iterable[UsageLine], top: int) -> "Folding":
        """Raises ``BadInput`` unless there is just one dimension beside time."""
        places = [place for place, one in enumerate(group_by) if one not in TIMES]
        if len(places) != 1:
            expected = "a grouping by one thing beside days, weeks or months, such as day,model"
            raise BadInput("top", got=top, expected=expected)
        sums: dict[str, tuple[int, int]] = {}
        for line in lines:
            name = line.key[places[0]]
            billed, requests = sums.get(name, (0, 0))
            sums[name] = billed + line.sums.billed_pusd, requests + line.sums.requests
        dearest = sorted(sums, key=lambda name: (-sums[name][0], -sums[name][1], name))
        return cls(places[0], dearest[:top])

    def lines(
        self, lines: Iterable[UsageLine], before: Iterable[UsageLine] | None = None
    ) -> list[ReportLine]:
        """In order of their keys, the rest behind what it is the rest of. ``before`` are lines of
        the same keys in the period before."""
        earlier = None if before is None else self._added(before)
        made = [
            ReportLine(
                key=key,
                sums=line.sums,
                days=0 if is_rest else line.days,
                is_rest=is_rest,
                previous=None if earlier is None else _sums(earlier.get((key, is_rest))),
            )
            for (key, is_rest), line in self._added(lines).items()
        ]
        return sorted(made, key=self._order)

    def series(
        self, lines: Iterable[UsageLine], before: Iterable[UsageLine] | None = None
    ) -> list[ReportLine]:
        """One line for each value that is kept, in the whole period, and one for the rest."""
        earlier = None if before is None else self._without_times(before)
        found = Folding(0, self.kept).lines(self._without_times(lines), earlier)
        rank = {name: place for place, name in enumerate(self.kept)}
        return sorted(found, key=lambda one: (one.is_rest, rank.get(one.key[0], 0)))

    def _without_times(self, lines: Iterable[UsageLine]) -> list[UsageLine]:
        return [replace(line, key=(line.key[self.index],)) for line in lines]

    def _added(self, lines: Iterable[UsageLine]) -> dict[tuple[_Key, bool], UsageLine]:
        """By key, and whether it is the rest."""
        found: dict[tuple[_Key, bool], UsageLine] = {}
        for line in lines:
            key, is_rest = line.key, line.key[self.index] not in self.kept
            if is_rest:
                key = (*key[: self.index], "", *key[self.index + 1 :])
            known = found.get((key, is_rest))
            found[key, is_rest] = line if known is None else known + line
        return found

    def _order(self, line: ReportLine) -> list[tuple[bool, str]]:
        return [(line.is_rest and place == self.index, part) for place, part in enumerate(line.key)]


def _sums(line: UsageLine | None) -> UsageTally:
    return UsageTally() if line is None else line.sums
