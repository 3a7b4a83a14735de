"""Which days may go: past the window, sealed, and compared where somebody compares."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports.reconciliation import RunRecord
from mai_usage_ext.ports.retention import KeptLedger, LedgerPart
from mai_usage_ext.services.retention import Retention

TODAY = date(2026, 7, 20)
ONE_DAY = timedelta(days=1)
LAST = TODAY - 36 * ONE_DAY


@dataclass
class Clock:
    at: datetime = datetime(2026, 7, 20, 12, tzinfo=UTC)

    def now_ms(self) -> int:
        return int(self.at.timestamp() * 1000)


@dataclass
class Store:
    """Ledgers in memory: every part is gone after three drops, holds after two."""

    ledgers: list[KeptLedger] = field(default_factory=list)
    asked: list[Mapping[str, date]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    broken: bool = False

    def make_months(self, *, at: date) -> int:
        self.done.append(f"months of {at}")
        return 0

    def kept(self) -> Sequence[KeptLedger]:
        return self.ledgers

    def parts(self, through: Mapping[str, date]) -> Sequence[LedgerPart]:
        self.asked.append(through)
        return [LedgerPart(name=name, through={name: day}) for name, day in through.items()]

    def drop(self, part: LedgerPart) -> bool:
        if self.broken:
            raise StorageUnavailable("locked")
        self.done.append(part.name)
        return self.done.count(part.name) < 3

    def drop_holds(self, through: Mapping[str, date], *, after: str) -> str | None:
        self.done.append(f"holds after {after!r}")
        return None if after else "x"


@dataclass
class Runs:
    """UTC days that were compared; those in ``problems`` were not to the end."""

    first: date = date(2026, 1, 1)
    missing: set[date] = field(default_factory=set)
    records: dict[date, RunRecord] = field(default_factory=dict)

    def beginning(self) -> date:
        return self.first

    def runs(self, *, first: date, last: date) -> Mapping[date, RunRecord]:
        found = {}
        for offset in range((last - first).days + 1):
            day = first + offset * ONE_DAY
            if day not in self.missing and day < TODAY - ONE_DAY:
                found[day] = self.records.get(day) or record(day)
        return found


def record(day: date, **changes: object) -> RunRecord:
    whole = {"finished_at_ms": 1, "next_at_ms": None, "problem": None, "midnight": None}
    return RunRecord(day=day, **{**whole, **changes})  # type: ignore[arg-type]


def ledger(name: str = "acme", **changes: object) -> KeptLedger:
    whole = {
        "organization_id": name,
        "time_zone": "UTC",
        "next_time_zone": None,
        "next_from_ms": None,
        "first_day": date(2026, 1, 1),
        "oldest_live": TODAY,
    }
    return KeptLedger(**{**whole, **changes})  # type: ignore[arg-type]


def run(
    store: Store, runs: Runs | None = None, *, key: str | None = "key", **options: object
) -> int:
    retention = Retention(
        store,
        runs or Runs(),  # type: ignore[arg-type]
        ledger_days=35,
        management_key=lambda: key,
        clock=options.get("clock") or Clock(),  # type: ignore[arg-type]
        pause_s=0,
    )
    return asyncio.run(retention.run_once())


def test_the_window_goes_from_today_back() -> None:
    store = Store([ledger()])
    assert run(store) == 1
    assert store.asked == [{"acme": LAST}]
    assert (TODAY - LAST).days == 36, "thirty-five days before today are kept"
    assert store.done == [
        f"months of {TODAY}", "holds after ''", "holds after 'x'", "acme", "acme", "acme",
    ]  # fmt: skip
    assert tally["parts of the ledger dropped"] == 1


def test_where_nothing_is_due_nothing_is_touched() -> None:
    store = Store([ledger(first_day=LAST + ONE_DAY), ledger("zeta", first_day=TODAY)])
    assert run(store) == 0
    assert store.asked == [{}]
    assert store.done == [f"months of {TODAY}"]


@pytest.mark.parametrize(
    ("zone", "following", "from_now_ms", "shift"),
    [
        ("Pacific/Kiritimati", None, None, 1),
        ("Etc/GMT+12", None, None, 0),
        ("UTC", "Pacific/Kiritimati", 0, 1),
        ("UTC", "Pacific/Kiritimati", 1, 0),
    ],
)
def test_today_is_the_organizations(
    zone: str, following: str | None, from_now_ms: int | None, shift: int
) -> None:
    clock = Clock()
    from_ms = None if from_now_ms is None else clock.now_ms() + from_now_ms
    store = Store([ledger(time_zone=zone, next_time_zone=following, next_from_ms=from_ms)])
    run(store, clock=clock)
    assert store.asked == [{"acme": LAST + shift * ONE_DAY}]


def test_what_is_not_sealed_stays_with_everything_after_it() -> None:
    stuck = date(2026, 3, 3)
    store = Store([ledger(oldest_live=stuck), ledger("zeta", oldest_live=None)])
    run(store)
    assert store.asked == [{"acme": stuck - ONE_DAY, "zeta": LAST}]
    store = Store([ledger(oldest_live=date(2026, 1, 1))])
    run(store)
    assert store.asked == [{}]


@pytest.mark.parametrize(
    "changes",
    [None, {"problem": "OpenRouter is away"}, {"next_at_ms": 5}, {"finished_at_ms": None}],
)
def test_a_day_that_waits_for_its_comparison_stays(changes: dict[str, object] | None) -> None:
    waiting = LAST - 10 * ONE_DAY
    runs = Runs(missing={waiting}) if changes is None else Runs()
    if changes is not None:
        runs.records[waiting] = record(waiting, **changes)
    store = Store([ledger()])
    run(store, runs)
    assert store.asked == [{"acme": waiting - 2 * ONE_DAY}], "a zone's day reaches into two"
    store = Store([ledger()])
    run(store, runs, key=None)
    assert store.asked == [{"acme": LAST}], "without a key nobody compares"


def test_a_day_that_was_never_compared_goes_after_twice_the_time() -> None:
    long_ago = TODAY - 70 * ONE_DAY
    for missing, last in ((long_ago, long_ago - 2 * ONE_DAY), (long_ago - ONE_DAY, LAST)):
        store = Store([ledger()])
        run(store, Runs(missing={missing}))
        assert store.asked == [{"acme": last}]


def test_days_before_anybody_compared_are_not_waited_for() -> None:
    begun = LAST - 5 * ONE_DAY
    store = Store([ledger()])
    run(store, Runs(first=begun, missing={begun, begun - ONE_DAY}))
    assert store.asked == [{"acme": LAST}]


def test_a_database_that_is_busy_is_told_to_the_job() -> None:
    store = Store([ledger()], broken=True)
    with pytest.raises(StorageUnavailable):
        run(store)
