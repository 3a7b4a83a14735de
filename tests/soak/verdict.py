"""The promise, sentence by sentence: the upstream's bill against every book of ours.

Pure: it compares lists, and names each sentence that does not hold. Money is picodollars.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

__all__ = ["Books", "Cell", "Charge", "Entry", "MonthTotal", "Verdict", "judge"]

ADJUSTMENT = "adjustment"
# How many examples a violation shows.
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Charge:
    """One call on the upstream's bill; ``user`` is the name that the upstream was told."""

    generation_id: str
    key_hash: str
    user: str | None
    pusd: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger; ``user_id`` is empty where it is nobody's."""

    generation_id: str
    sequence: int
    organization_id: str
    user_id: str
    key_hash: str
    source: str
    day: date
    raw_pusd: int
    billed_pusd: int

    @property
    def is_adjustment(self) -> bool:
        return self.source == ADJUSTMENT

    @property
    def month(self) -> str:
        return f"{self.day:%Y-%m}"


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """``user_id`` is empty for the organization as a whole."""

    organization_id: str
    month: str
    user_id: str
    spent_pusd: int
    held_pusd: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What one organization's day adds up to in some table."""

    organization_id: str
    day: date
    raw_pusd: int
    billed_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything there is after the day's end.

    ``owners`` maps the keys of organizations to them; ``others`` are the organizations that a key
    of nobody may be booked in; ``names`` maps what the upstream was told of users to their ids.
    """

    bill: Sequence[Charge]
    entries: Sequence[Entry]
    holds: Mapping[str, int]
    totals: Sequence[MonthTotal]
    limits: Mapping[tuple[str, str], int]
    live: Sequence[Cell]
    sealed: Mapping[str, Sequence[Cell]]
    owners: Mapping[str, str]
    names: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Verdict:
    """``violations`` are sentences for people; without any, every book agrees."""

    calls: int
    bill_pusd: int
    ledger_pusd: int
    captured_pusd: int
    adjustments: int
    lost: int = 0
    duplicated: int = 0
    overshoot_pusd: int = 0
    pending_after: int = 0
    violations: list[str] = field(default_factory=list)

    def blame(self, what: str, examples: Sequence[object] = ()) -> None:
        shown = "".join(f"\n    {one}" for one in examples[:_EXAMPLES])
        more = f"\n    … and {len(examples) - _EXAMPLES} more" if len(examples) > _EXAMPLES else ""
        self.violations.append(what + shown + more)


def judge(books: Books) -> Verdict:
    captured = [entry for entry in books.entries if not entry.is_adjustment]
    verdict = Verdict(
        calls=len(books.bill),
        bill_pusd=sum(charge.pusd for charge in books.bill),
        ledger_pusd=sum(entry.raw_pusd for entry in books.entries),
        captured_pusd=sum(entry.raw_pusd for entry in captured),
        adjustments=len(books.entries) - len(captured),
    )
    if verdict.bill_pusd != verdict.ledger_pusd:
        verdict.blame(f"the bill is {verdict.bill_pusd}, the ledger {verdict.ledger_pusd}")
    _once(books, captured, verdict)
    _same(books, captured, verdict)
    _none_lost(books, captured, verdict)
    _keys(books, verdict)
    _limits(books, verdict)
    _nothing_waits(books, verdict)
    _months(books, verdict)
    _days(books, verdict)
    return verdict


def _once(books: Books, captured: Sequence[Entry], verdict: Verdict) -> None:
    """No generation is booked twice, and none that nobody charged."""
    times = Counter(entry.generation_id for entry in captured)
    charged = {charge.generation_id for charge in books.bill}
    twice = [f"{one}: {count} times" for one, count in times.items() if count > 1]
    unknown = [entry for entry in captured if entry.generation_id not in charged]
    verdict.duplicated = sum(count - 1 for count in times.values()) + len(unknown)
    if twice:
        verdict.blame(f"{len(twice)} generations are booked more than once", twice)
    if unknown:
        verdict.blame(f"{len(unknown)} entries are of no call on the bill", unknown)


def _same(books: Books, captured: Sequence[Entry], verdict: Verdict) -> None:
    """Each entry has the cost, the key and the user of its call."""
    charges = {charge.generation_id: charge for charge in books.bill}
    pairs = [(one, charges[one.generation_id]) for one in captured if one.generation_id in charges]
    costs = [(entry, charge) for entry, charge in pairs if entry.raw_pusd != charge.pusd]
    if costs:
        verdict.blame(f"{len(costs)} entries differ from the bill in their cost", costs)
    keys = [
        (entry, charge)
        for entry, charge in pairs
        if entry.key_hash != charge.key_hash
        or books.owners.get(charge.key_hash, entry.organization_id) != entry.organization_id
    ]
    if keys:
        verdict.blame(f"{len(keys)} entries are in the wrong organization", keys)
    users = [
        (entry, charge)
        for entry, charge in pairs
        if books.names.get(charge.user or "", entry.user_id) != entry.user_id
    ]
    if users:
        verdict.blame(f"{len(users)} entries are of another user", users)


def _none_lost(books: Books, captured: Sequence[Entry], verdict: Verdict) -> None:
    """What has no entry of its own stands in an adjustment of its key, to the picodollar."""
    booked = {entry.generation_id for entry in captured}
    missing: defaultdict[str, list[Charge]] = defaultdict(list)
    for charge in books.bill:
        if charge.generation_id not in booked and charge.pusd:
            missing[charge.key_hash].append(charge)
    adjusted: Counter[str] = Counter()
    for entry in books.entries:
        if entry.is_adjustment:
            adjusted[entry.key_hash] += entry.raw_pusd
    for key_hash in sorted(missing.keys() | adjusted.keys()):
        charges = missing[key_hash]
        wanted = sum(charge.pusd for charge in charges)
        if wanted != adjusted[key_hash]:
            verdict.lost += len(charges)
            verdict.blame(
                f"of the key {key_hash[:16]} {len(charges)} calls of {wanted} have no entry, and "
                f"its adjustments are {adjusted[key_hash]}",
                charges,
            )


def _keys(books: Books, verdict: Verdict) -> None:
    """An organization's own key and its ledger; everybody else, and the keys of nobody."""
    billed: Counter[str] = Counter()
    for charge in books.bill:
        billed[books.owners.get(charge.key_hash, "")] += charge.pusd
    booked: Counter[str] = Counter()
    for entry in books.entries:
        organization = entry.organization_id
        booked[organization if organization in books.owners.values() else ""] += entry.raw_pusd
    for name in sorted(billed.keys() | booked.keys()):
        if billed[name] != booked[name]:
            verdict.blame(
                f"{name or 'the organizations without a key'} was billed {billed[name]} upstream, "
                f"and {booked[name]} is booked"
            )


def _limits(books: Books, verdict: Verdict) -> None:
    spent: Counter[tuple[str, str, str]] = Counter()
    for entry in books.entries:
        for user_id in {"", entry.user_id}:
            spent[entry.organization_id, user_id, entry.month] += entry.billed_pusd
    for (organization, user_id, month), pusd in sorted(spent.items()):
        limit = books.limits.get((organization, user_id))
        if limit is not None and pusd > limit:
            verdict.overshoot_pusd += pusd - limit
            verdict.blame(f"{organization} {user_id}: {pusd} of {limit} was spent in {month}")


def _nothing_waits(books: Books, verdict: Verdict) -> None:
    verdict.pending_after = sum(books.holds.values())
    if verdict.pending_after:
        verdict.blame(f"holds are left: {dict(books.holds)}")
    held = [total for total in books.totals if total.held_pusd]
    if held:
        verdict.blame("money is held, though every call has ended", held)


def _months(books: Books, verdict: Verdict) -> None:
    """Each month's row is the sum of its ledger."""
    booked: Counter[tuple[str, str, str]] = Counter()
    for entry in books.entries:
        for user_id in {"", entry.user_id}:
            booked[entry.organization_id, entry.month, user_id] += entry.billed_pusd
    rows = {(one.organization_id, one.month, one.user_id): one.spent_pusd for one in books.totals}
    # A user without a limit needs no row.
    wanted = {place for place in booked if not place[2]} | rows.keys()
    wrong = [
        f"{' '.join(place)}: {rows.get(place, 0)}, and the ledger says {booked[place]}"
        for place in sorted(wanted)
        if rows.get(place, 0) != booked[place]
    ]
    if wrong:
        verdict.blame("month totals differ from the ledger", wrong)


def _days(books: Books, verdict: Verdict) -> None:
    """A day is sealed or live, never both; and either way it is the sum of its ledger."""
    live = {(one.organization_id, one.day) for one in books.live}
    for table, cells in books.sealed.items():
        both = sorted(live & {(one.organization_id, one.day) for one in cells})
        if both:
            verdict.blame(f"days are live and sealed in {table}", both)
        wrong = sorted(_differences(books, [*books.live, *cells]))
        if wrong:
            verdict.blame(f"live cells and {table} differ from the ledger", wrong)


def _differences(books: Books, cells: Sequence[Cell]) -> Iterator[str]:
    booked: defaultdict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
    shown: defaultdict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
    for sums, rows in ((booked, books.entries), (shown, cells)):
        for row in rows:
            sums[row.organization_id, row.day][0] += row.raw_pusd
            sums[row.organization_id, row.day][1] += row.billed_pusd
    for place in booked.keys() | shown.keys():
        if booked[place] != shown[place]:
            yield f"{place[0]} {place[1]}: {shown[place]}, and the ledger says {booked[place]}"
