"""Lines of every grouping are sums of the ledger, whatever is live, sealed, late or corrected."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.metering.measures import UsageTally, total_of
from mai_usage_ext.ports import LedgerEntry, Outcome, Source
from mai_usage_ext.ports.usage import Dimension, UsageLine, UsageQuery
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientModelDailyUsage,
    ClientMonthTotal,
    ClientUserDailyUsage,
    UsageLedger,
)
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.storage.counting import counted_statements
from tests.storage.daily import NOW_MS, book, entry_on
from tests.storage.samples import DAY, make_organization

FIRST = DAY - timedelta(days=45)
TASK = "title"
BESIDES = [one for one in Dimension if one is not Dimension.ORGANIZATION]
GROUPINGS = [
    (*organization, *rest)
    for organization in ((), (Dimension.ORGANIZATION,))
    for size in (0, 1, 2)
    for rest in combinations(BESIDES, size)
]


def lines(db: Database, **asked: Any) -> list[UsageLine]:
    query = UsageQuery(**{"first": FIRST, "last": DAY, **asked})
    return list(UsageLineRows(db).lines(query))


def by_key(found: Iterable[UsageLine]) -> dict[tuple[str, ...], UsageTally]:
    return {line.key: line.sums for line in found}


def text_of(entry: Any, dimension: Dimension) -> str:
    year, week, _ = entry.day.isocalendar()
    texts: dict[Dimension, str] = {
        Dimension.ORGANIZATION: entry.organization_id,
        Dimension.DAY: entry.day.isoformat(),
        Dimension.WEEK: f"{year}-W{week:02d}",
        Dimension.MONTH: f"{entry.day:%Y-%m}",
        Dimension.USER: entry.user_id,
        Dimension.MODEL: entry.model,
        Dimension.PROVIDER: entry.provider,
        Dimension.PURPOSE: entry.purpose,
    }
    return texts[dimension]


def tally_of_entry(entry: Any) -> UsageTally:
    is_task = entry.purpose == TASK
    return UsageTally(
        requests=1,
        failures=int(entry.outcome == "failed"),
        cancelled=int(entry.outcome == "cancelled"),
        prompt_tokens=entry.prompt_tokens,
        completion_tokens=entry.completion_tokens,
        cached_tokens=entry.cached_tokens,
        reasoning_tokens=entry.reasoning_tokens,
        raw_pusd=entry.raw_pusd,
        billed_pusd=entry.billed_pusd,
        first_byte_ms_sum=entry.first_byte_ms or 0,
        first_byte_count=int(entry.first_byte_ms is not None),
        duration_ms_sum=entry.duration_ms or 0,
        task_requests=int(is_task),
        task_billed_pusd=entry.billed_pusd if is_task else 0,
    )


def ledger_of(db: Database) -> list[Any]:
    with session(db):
        return list(UsageLedger.select().bind(db))


def expected(
    entries: Iterable[Any], query: UsageQuery
) -> tuple[dict[Any, UsageTally], dict[Any, int]]:
    """Added up here, entry by entry."""
    sums: defaultdict[Any, UsageTally] = defaultdict(UsageTally)
    days: defaultdict[Any, set[Any]] = defaultdict(set)
    for entry in entries:
        is_wanted = (
            query.first <= entry.day <= query.last
            and query.organization_id in (None, entry.organization_id)
            and query.user_id in (None, entry.user_id)
            and query.model in (None, entry.model)
            and query.provider in (None, entry.provider)
        )
        if is_wanted:
            key = tuple(text_of(entry, one) for one in query.group_by)
            sums[key] += tally_of_entry(entry)
            days[key].add((entry.organization_id, entry.day))
    return dict(sums), {key: len(some) for key, some in days.items()}


def without_tasks(tally: UsageTally) -> UsageTally:
    return replace(tally, task_requests=None, task_billed_pusd=None)


def assert_as_the_ledger(db: Database, query: UsageQuery, entries: Iterable[Any]) -> None:
    found = list(UsageLineRows(db).lines(query))
    sums, days = expected(entries, query)
    assert [line.key for line in found] == sorted(sums)
    assert {line.key: line.days for line in found} == days, query
    for line in found:
        wanted = sums[line.key]
        if line.sums.task_requests is None:
            wanted = without_tasks(wanted)
        assert line.sums == wanted, (query, line.key)


def ask_everything(db: Database, *organizations: str | None) -> None:
    entries = ledger_of(db)
    with session(db):
        for number, group_by in enumerate(GROUPINGS):
            # Each grouping of one of the organizations, and of one user, model or provider now
            # and then.
            query = UsageQuery(
                first=FIRST,
                last=DAY,
                organization_id=organizations[number % len(organizations)],
                user_id=(None, None, "ada", "")[number % 4],
                model=(None, "acme/model-1", None)[number % 3],
                provider=(None, None, None, None, "Acme")[number % 5],
                group_by=group_by,
            )
            assert_as_the_ledger(db, query, entries)
            everybodys = replace(query, organization_id=None, user_id=None)
            assert_as_the_ledger(db, everybodys, entries)


@pytest.fixture
def other(db: Database) -> str:
    return make_organization(db, "Zeta")


def test_every_grouping_of_live_sealed_late_and_corrected_days(
    db: Database, organization: str, other: str
) -> None:
    days = [DAY, DAY - timedelta(days=1), DAY - timedelta(days=8), DAY - timedelta(days=33)]
    for number, day in enumerate(days * 2):
        book(
            db,
            entry_on(
                organization if number % 3 else other,
                day,
                user_id=("ada", "ben", None)[number % 3],
                model=f"acme/model-{number % 2}",
                provider=("Acme", "Bolt")[number % 2],
                purpose=("chat", TASK)[number % 2],
                outcome=(Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED)[number % 3],
                billed_pusd=10**15 + number,
                first_byte_ms=None if number % 4 == 0 else number,
                duration_ms=None if number % 5 == 0 else number,
            ),
        )
    ask_everything(db, organization, other)
    seals = SealRows(db)
    for day in days[1:]:
        seals.seal(organization, day, now_ms=NOW_MS)
    seals.seal(other, days[2], now_ms=NOW_MS)
    ask_everything(db, organization, other)
    # Late, and as a correction.
    book(db, entry_on(organization, days[2], user_id="late", purpose=TASK))
    book(
        db,
        entry_on(organization, days[3], source=Source.ADJUSTMENT, prompt_tokens=0, raw_pusd=5),
    )
    ask_everything(db, organization)


_ENTRIES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(("ada", "ben", None)),
        st.sampled_from(("m", "n")),
        st.sampled_from(("Acme", "Bolt")),
        st.sampled_from(("chat", TASK)),
        st.integers(0, 10**15),
        st.sampled_from(tuple(Outcome)),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    calls=_ENTRIES,
    sealed=st.sets(st.integers(0, 3)),
    late=_ENTRIES,
    group_by=st.lists(st.sampled_from(GROUPINGS), min_size=5, max_size=5),
    back=st.integers(0, 4),
)
def test_lines_are_sums_of_the_ledger(
    db: Database,
    calls: list[Any],
    sealed: set[int],
    late: list[Any],
    group_by: list[tuple[Dimension, ...]],
    back: int,
) -> None:
    organization = make_organization(db, "Drawn")
    book(db, *(drawn(organization, one) for one in calls))
    for number in sealed:
        SealRows(db).seal(organization, day_of(number), now_ms=NOW_MS)
    book(db, *(drawn(organization, one) for one in late))
    entries = ledger_of(db)
    for one in group_by:
        first = DAY - timedelta(days=9 * back)
        query = UsageQuery(first=first, last=DAY, organization_id=organization, group_by=one)
        assert_as_the_ledger(db, query, entries)
        parts = total_of(line.sums for line in UsageLineRows(db).lines(query))
        whole = total_of(line.sums for line in UsageLineRows(db).lines(replace(query, group_by=())))
        assert without_tasks(parts) == without_tasks(whole)


def day_of(number: int) -> date:
    return DAY - timedelta(days=9 * number)


def drawn(organization: str, one: Any) -> LedgerEntry:
    number, user_id, model, provider, purpose, billed, outcome = one
    return entry_on(
        organization,
        day_of(number),
        user_id=user_id,
        model=model,
        provider=provider,
        purpose=purpose,
        billed_pusd=billed,
        outcome=outcome,
    )


def test_one_statement_reads_live_and_sealed_days(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY), entry_on(organization, DAY - timedelta(days=1)))
    SealRows(db).seal(organization, DAY - timedelta(days=1), now_ms=NOW_MS)
    for group_by in ((), (Dimension.USER,), (Dimension.MODEL, Dimension.WEEK)):
        with counted_statements(db) as sent:
            [*_, last] = lines(db, organization_id=organization, group_by=group_by)
        assert len(sent) == 1
        assert last.days in (1, 2)


def test_a_live_cell_of_a_sealed_day_is_not_counted_twice(db: Database, organization: str) -> None:
    """As a process of an older version leaves it."""
    book(db, entry_on(organization, DAY))
    with session(db):
        cells = execute(db, "SELECT * FROM client_live_counters").fetchall()
    SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    marks = ", ".join(["?" if is_sqlite(db) else "%s"] * len(cells[0]))
    with transaction(db):
        execute(db, f"INSERT INTO client_live_counters VALUES ({marks})", cells[0]).close()
    for group_by in ((), (Dimension.USER,), (Dimension.MODEL,)):
        [line] = lines(db, group_by=group_by)
        assert (line.sums.requests, line.days) == (1, 1)


def dropped(db: Database, organization: str, day: date) -> None:
    total = ClientMonthTotal
    with transaction(db):
        is_theirs = (total.organization_id == organization) & (total.month == f"{day:%Y-%m}")
        write(db, total.update(dropped_through=day).where(is_theirs & (total.user_id == "")))


LEDGER_ONLY = [(Dimension.PURPOSE,), (Dimension.USER, Dimension.MODEL)]


@pytest.mark.parametrize("group_by", LEDGER_ONLY)
def test_before_the_ledger_it_says_from_when_on(
    db: Database, organization: str, other: str, group_by: tuple[Dimension, ...]
) -> None:
    days = [DAY, DAY - timedelta(days=1), DAY - timedelta(days=2)]
    book(db, *(entry_on(organization, day) for day in days), entry_on(other, days[2]))
    dropped(db, organization, days[2])
    for first in (days[2], FIRST):
        for ask in (UsageLineRows(db).sealed, lambda query: list(UsageLineRows(db).lines(query))):
            for organization_id in (organization, None):
                query = UsageQuery(
                    first=first, last=DAY, organization_id=organization_id, group_by=group_by
                )
                with pytest.raises(BadInput, match=f"{days[1]} or later") as caught:
                    ask(query)
                assert caught.value.field == "from"
    told = lines(db, first=days[1], group_by=group_by)
    assert total_of(line.sums for line in told).requests == 2
    # Nobody else's ledger is in question.
    assert lines(db, organization_id=other, group_by=group_by)
    # What tables can tell is told as far back as they reach.
    assert total_of(line.sums for line in lines(db, group_by=(Dimension.USER,))).requests == 4


@pytest.mark.parametrize("group_by", LEDGER_ONLY)
def test_imported_days_have_no_calls(
    db: Database, organization: str, group_by: tuple[Dimension, ...]
) -> None:
    imported = DAY - timedelta(days=3)
    put_imported(db, organization, imported, user="ada", model="m", amount=7)
    book(db, entry_on(organization, DAY))
    with pytest.raises(BadInput, match=f"{imported + timedelta(days=1)} or later"):
        lines(db, group_by=group_by)
    assert lines(db, first=imported + timedelta(days=1), group_by=group_by)


def put_imported(
    db: Database, organization: str, day: date, *, user: str, model: str, amount: int
) -> None:
    make_months(db, at=day)
    common = {"organization_id": organization, "day": day, "sealed_at_ms": 1}
    common |= dict.fromkeys(SUMS, amount)
    daily = {"task_requests": 0, "task_billed_pusd": 0, "distinct_users": 1, "distinct_models": 1}
    with transaction(db):
        write(db, ClientDailyUsage.insert(**common, **daily, source="imported"))
        write(db, ClientUserDailyUsage.insert(**common, user_id=user))
        write(db, ClientModelDailyUsage.insert(**common, model=model, provider=""))


def test_imported_days_count_and_do_not_say_what_calls_were_for(
    db: Database, organization: str
) -> None:
    put_imported(db, organization, DAY - timedelta(days=1), user="ada", model="m", amount=7)
    book(db, entry_on(organization, DAY, purpose=TASK))
    by_day = lines(db, group_by=(Dimension.DAY,))
    assert [line.sums.task_requests for line in by_day] == [None, 1]
    [whole] = lines(db)
    assert (whole.sums.requests, whole.sums.task_requests, whole.days) == (8, None, 2)
    for group_by in ((Dimension.USER,), (Dimension.MODEL,), (Dimension.WEEK,)):
        assert total_of(line.sums for line in lines(db, group_by=group_by)).requests == 8


def test_the_state_changes_with_every_change_of_a_sealed_day(
    db: Database, organization: str, other: str
) -> None:
    rows, query = UsageLineRows(db), UsageQuery(first=FIRST, last=DAY)
    seen = []

    def look(live_from: date | None) -> None:
        state = rows.sealed(query)
        assert state.live_from == live_from
        assert state == rows.sealed(query)
        seen.append(state.version)

    look(None)
    yesterday = DAY - timedelta(days=1)
    book(db, entry_on(organization, yesterday), entry_on(organization, DAY), entry_on(other, DAY))
    assert rows.sealed(query).live_from == yesterday
    SealRows(db).seal(organization, yesterday, now_ms=NOW_MS)
    look(DAY)
    book(db, entry_on(organization, yesterday, raw_pusd=0, source=Source.ADJUSTMENT))
    look(DAY)
    SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    assert rows.sealed(replace(query, organization_id=organization)).live_from is None
    assert rows.sealed(replace(query, organization_id=other)).live_from == DAY
    SealRows(db).seal(other, DAY, now_ms=NOW_MS)
    look(None)
    assert len(set(seen)) == len(seen)
