"""What reconciliations read and keep, in both databases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.ports import Outcome, Source
from mai_usage_ext.ports.reconciliation import (
    Figures,
    Finding,
    KeyUsage,
    LineFilter,
    Midnight,
    ModelDifference,
    ReconciliationRecord,
)
from mai_usage_ext.storage.models import ImportedGeneration
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold

BEGIN_MS = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp() * 1000)
END_MS = BEGIN_MS + 86_400_000


@pytest.fixture
def store(db: Database) -> ReconciliationRows:
    return ReconciliationRows(db)


def book(writer: LedgerWriter, organization: str, **changes: Any) -> None:
    """One call of a key, by default in the middle of the day."""
    hold_fields = {name: changes[name] for name in ("at_ms", "key_hash", "day") if name in changes}
    hold = make_hold(organization, **hold_fields)
    entry = make_entry(hold, **{"key_hash": hold.key_hash, **changes})
    assert writer.settle(hold, entry).result(10)


def test_calls_are_told_apart_by_where_they_begin_and_end(
    store: ReconciliationRows, writer: LedgerWriter, organization: str
) -> None:
    begins: dict[str, Any] = {"duration_ms": 2000, "key_hash": "k", "raw_pusd": 1}
    book(writer, organization, at_ms=BEGIN_MS - 2001, **begins)
    book(writer, organization, at_ms=BEGIN_MS - 2000, **{**begins, "raw_pusd": 10})
    book(writer, organization, at_ms=BEGIN_MS, **{**begins, "raw_pusd": 100})
    book(writer, organization, at_ms=END_MS - 2001, **{**begins, "raw_pusd": 1000})
    book(writer, organization, at_ms=END_MS - 2000, **{**begins, "raw_pusd": 10_000})
    book(writer, organization, at_ms=END_MS, **{**begins, "raw_pusd": 100_000})
    book(writer, organization, at_ms=AT_MS, **{**begins, "key_hash": "", "duration_ms": None})
    found = store.captured(from_ms=BEGIN_MS, until_ms=END_MS)
    assert found.keys() == {"k", ""}
    at_home = store.captured(from_ms=BEGIN_MS, until_ms=END_MS, homes={organization: "k"})
    assert at_home.keys() == {"k"}
    one = found["k"]
    raw = [
        sum(figures.raw_pusd for figures in models.values())
        for models in (one.into, one.within, one.out_of)
    ]
    assert raw == [10, 1100, 10_000]
    assert one.organization_ids == {organization}


@pytest.mark.parametrize("days", [-1, 1])
def test_a_billing_day_beside_the_utc_day_counts(
    store: ReconciliationRows, writer: LedgerWriter, organization: str, days: int
) -> None:
    book(writer, organization, key_hash="k", day=DAY + timedelta(days=days))
    assert store.captured(from_ms=BEGIN_MS, until_ms=END_MS)["k"].within


def test_adjustments_are_read_apart_from_calls(
    store: ReconciliationRows, writer: LedgerWriter, organization: str
) -> None:
    for sequence in (1, 2):
        book(
            writer,
            organization,
            generation_id=f"reconciliation:k:{DAY}",
            sequence=sequence,
            source=Source.ADJUSTMENT,
            at_ms=BEGIN_MS,
            key_hash="k",
            raw_pusd=7,
            outcome=Outcome.COMPLETED,
        )
    assert store.captured(from_ms=BEGIN_MS, until_ms=END_MS) == {}
    adjusted = store.adjusted(DAY)["k"]
    assert (adjusted.sequence, adjusted.figures.raw_pusd) == (2, 14)
    assert store.adjusted(DAY + timedelta(days=1)) == {}


def test_the_days_holds_that_keep_money(
    store: ReconciliationRows, writer: LedgerWriter, organization: str
) -> None:
    holds = [
        make_hold(organization, at_ms=at_ms, key_hash="k")
        for at_ms in (END_MS, AT_MS, BEGIN_MS - 1, BEGIN_MS)
    ]
    gone = make_hold(organization, at_ms=AT_MS)
    for hold in (*holds, gone):
        writer.place(hold).result(10)
    writer.void(gone, reason="not sent").result(10)
    found = [one.hold for one in store.unsettled(from_ms=BEGIN_MS, until_ms=END_MS)]
    assert found == [holds[3], holds[1]], "whole, with their keys"


def test_generations_of_entries_holds_and_imports_are_known(
    db: Database, store: ReconciliationRows, writer: LedgerWriter, organization: str
) -> None:
    book(writer, organization, generation_id="gen-booked")
    hold = make_hold(organization)
    writer.place(hold).result(10)
    writer.identify(hold, "gen-held")
    writer.place(make_hold(organization)).result(10)
    wanted = ["gen-booked", "gen-held", *(f"gen-{number}" for number in range(1200))]
    with transaction(db):
        row = ImportedGeneration.insert(
            generation_id="gen-7", organization_id=organization, day=DAY, cost_pusd=1, tokens=1
        )
        write(db, row)
    assert store.known_generations(wanted) == {"gen-booked", "gen-held", "gen-7"}
    assert store.known_generations([]) == set()


def test_one_claim_at_a_time(store: ReconciliationRows) -> None:
    assert store.claim(DAY, claim="a", now_ms=10, until_ms=20)
    assert not store.claim(DAY, claim="b", now_ms=19, until_ms=29)
    assert store.claim(DAY, claim="a", now_ms=19, until_ms=29), "one's own is made longer"
    assert store.claim(DAY, claim="b", now_ms=29, until_ms=39)
    store.release(DAY, claim="a", now_ms=30, next_at_ms=None)
    [run] = store.runs(first=DAY, last=DAY).values()
    assert run.is_due(30), "who lost the claim ends nothing"
    store.release(DAY, claim="b", now_ms=31, next_at_ms=50, midnight=Midnight.END)
    [run] = store.runs(first=DAY, last=DAY).values()
    assert (run.finished_at_ms, run.midnight, run.is_due(49), run.is_due(50)) == (
        31,
        Midnight.END,
        False,
        True,
    )
    assert store.claim(DAY, claim="c", now_ms=32, until_ms=42)
    store.release(DAY, claim="c", now_ms=33, next_at_ms=33, problem="401: no")
    [run] = store.runs(first=DAY, last=DAY).values()
    assert (run.problem, run.finished_at_ms, run.midnight) == ("401: no", 31, Midnight.END)


def test_nothing_before_keys_were_noted_can_be_compared(store: ReconciliationRows) -> None:
    assert store.beginning() == datetime.now(UTC).date(), "the day of the migration"


def line(day: date = DAY, key_hash: str = "k", **changes: Any) -> ReconciliationRecord:
    values: dict[str, Any] = {
        "day": day,
        "key_hash": key_hash,
        "organization_id": "acme",
        "finding": Finding.EXACT,
        "reason": "",
        "is_below": False,
        "captured": Figures(requests=3, raw_pusd=5),
        "adjusted_pusd": 0,
        "provider": Figures(requests=3, raw_pusd=5),
        "models": [ModelDifference(model="m", ours=Figures(requests=1), theirs=Figures())],
        "checked_at_ms": 7,
    }
    return ReconciliationRecord(**{**values, **changes})


def test_a_line_takes_the_place_of_the_earlier_one(store: ReconciliationRows) -> None:
    store.save(line(identified=1, closed_holds=2, is_below=True))
    store.save(line(finding=Finding.ADJUSTED, identified=1, closed_holds=3, adjusted_pusd=-4))
    [kept], total = store.page(LineFilter(), offset=0, limit=9)
    assert total == 1
    assert kept == line(finding=Finding.ADJUSTED, identified=2, closed_holds=5, adjusted_pusd=-4)


def test_lines_by_filter_and_page(store: ReconciliationRows) -> None:
    nobodys = line(DAY + timedelta(days=1), organization_id=None, is_below=True)
    lines = [nobodys, line(key_hash="a"), line(finding=Finding.WAITING)]
    for one in lines:
        store.save(one)

    def keys(**wanted: Any) -> list[tuple[date, str]]:
        found, total = store.page(LineFilter(**wanted), offset=0, limit=9)
        assert len(found) == total
        return [(one.day, one.key_hash) for one in found]

    assert keys() == [(nobodys.day, "k"), (DAY, "a"), (DAY, "k")]
    assert keys(first=nobodys.day) == [(nobodys.day, "k")]
    assert keys(last=DAY, finding=Finding.EXACT) == [(DAY, "a")]
    assert keys(is_below=True) == [(nobodys.day, "k")]
    assert keys(is_below=False, organization_id="acme") == [(DAY, "a"), (DAY, "k")]
    page, total = store.page(LineFilter(), offset=1, limit=1)
    assert ([one.key_hash for one in page], total) == (["a"], 3)


def test_counters_keep_the_look_before(store: ReconciliationRows) -> None:
    for at_ms, usage in ((10, 100), (20, 150), (30, 150)):
        looks = [KeyUsage(key_hash="k", label="sk-or-…", usage_pusd=usage)]
        store.note_counters(looks, now_ms=at_ms)
    [look], total = store.counters(offset=0, limit=9)
    assert total == 1
    assert (look.usage_pusd, look.at_ms, look.previous_pusd, look.previous_at_ms) == (
        150,
        30,
        150,
        20,
    )
    assert (look.difference_pusd, look.organization_id) == (0, None)
