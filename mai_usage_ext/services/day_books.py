"""What we know of a UTC day before OpenRouter is asked, and what is known of it afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from mai_usage_ext.ports import HoldState
from mai_usage_ext.ports.reconciliation import (
    Adjusted,
    Captured,
    Midnight,
    ReconciliationRecord,
    RunRecord,
    UnsettledHold,
)

__all__ = ["DayBooks", "DayResult", "at_home", "habit_of", "homes_of", "is_lost"]

_LOST = (HoldState.UNIDENTIFIED, HoldState.UNPRICED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """A UTC day as one run left it. ``is_final`` says that nothing is left to do."""

    day: date
    lines: Sequence[ReconciliationRecord]
    is_final: bool

    def in_words(self) -> str:
        counts = Counter(line.finding.value for line in self.lines)
        found = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        return f"{self.day}: {len(self.lines)} keys{f' ({found})' if found else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBooks:
    """What was read of a day before OpenRouter was asked, in the order it has to be read in.

    A call whose key was not noted counts for its organization's key, where it has had only one.
    """

    owners: Mapping[str, str]
    holds: Sequence[UnsettledHold]
    adjusted: Mapping[str, Adjusted]
    captured: Mapping[str, Captured]
    identified: frozenset[str]
    midnight: Midnight | None

    @property
    def keys(self) -> Sequence[str]:
        marked = {one.hold.key_hash for one in self.holds} | self.captured.keys()
        return sorted((self.owners.keys() | marked | self.adjusted.keys()) - {""})

    def unmarked(self, owner: str | None, *, given_up: bool) -> int:
        """Calls of the day that may have been made with a key of this owner, and nobody knows.

        An organization's key is for its own calls; a key of nobody may have made any.
        """
        captured = self.captured.get("", Captured())
        booked = 0
        if owner is None or owner in captured.organization_ids:
            parts = (captured.within, captured.out_of, captured.into)
            booked = sum(one.requests for models in parts for one in models.values())
        return booked + sum(
            owner in (None, one.hold.organization_id)
            for one in self.holds
            if not one.hold.key_hash and not (given_up and is_lost(one, self, given_up=True))
        )


def is_lost(one: UnsettledHold, books: DayBooks, *, given_up: bool) -> bool:
    if one.hold.id in books.identified:
        return False
    return one.state in _LOST or (given_up and one.state is HoldState.PENDING)


def homes_of(owners: Mapping[str, str]) -> Mapping[str, str]:
    """The keys of the organizations that have had only one, by organization."""
    counts = Counter(owners.values())
    return {owner: key_hash for key_hash, owner in owners.items() if counts[owner] == 1}


def at_home(one: UnsettledHold, homes: Mapping[str, str]) -> UnsettledHold:
    if one.hold.key_hash:
        return one
    key_hash = homes.get(one.hold.organization_id, "")
    return replace(one, hold=replace(one.hold, key_hash=key_hash))


def habit_of(runs: Mapping[date, RunRecord]) -> Midnight | None:
    """Where calls across midnight count, as the latest day shows that tells."""
    return next(
        (run.midnight for _, run in sorted(runs.items(), reverse=True) if run.midnight is not None),
        None,
    )
