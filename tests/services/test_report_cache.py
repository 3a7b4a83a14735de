"""Sealed days are read once, until something in them changes."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput, NotFound, StorageUnavailable
from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.ports import HostUser, Source
from mai_usage_ext.ports.usage import Dimension, SealedState, UsageLine, UsagePlace, UsageQuery
from mai_usage_ext.services import report_cache
from mai_usage_ext.services.activity import Activity, Trend
from mai_usage_ext.services.cache_savings import CacheSavings
from mai_usage_ext.services.people import DELETED, NOBODY, People
from mai_usage_ext.services.report_cache import ReportCache
from mai_usage_ext.services.usage_reports import ReportWish, UsageReports
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.services.office import People as Host
from tests.storage.daily import NOW_MS, book, entry_on
from tests.storage.samples import DAY, make_organization

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 10)
QUERY = UsageQuery(first=FIRST, last=LAST, group_by=(Dimension.USER,))


@dataclass
class Rows:
    """One request of ``ada`` a day, and one of ``ben`` on the last day."""

    live_from: date | None = None
    version: str = "1"
    asked: list[UsageQuery] = field(default_factory=list)

    def lines(self, query: UsageQuery) -> Iterator[UsageLine]:
        self.asked.append(query)
        days = (query.last - query.first).days + 1
        yield UsageLine(key=("ada",), sums=UsageTally(requests=days), days=days)
        if query.last == LAST:
            yield UsageLine(key=("ben",), sums=UsageTally(requests=1), days=1)

    def sealed(self, query: UsageQuery) -> SealedState:
        return SealedState(live_from=self.live_from, version=self.version)

    def places(
        self, *, at_ms: int, only: Collection[str] | None = None
    ) -> Mapping[str, UsagePlace]:
        return {}


def requests(cache: ReportCache, query: UsageQuery = QUERY) -> dict[str, tuple[int, int]]:
    return {line.key[0]: (line.sums.requests, line.days) for line in cache.lines(query)}


def test_what_is_sealed_is_read_once() -> None:
    source = Rows()
    cache = ReportCache(source)
    for _ in range(3):
        assert requests(cache) == {"ada": (10, 10), "ben": (1, 1)}
    assert source.asked == [QUERY]
    requests(cache, replace(QUERY, group_by=()))
    requests(cache, replace(QUERY, user_id="ada"))
    requests(cache, replace(QUERY, organization_id="acme"))
    assert len(source.asked) == 4


def test_what_changes_is_read_anew() -> None:
    source = Rows()
    cache = ReportCache(source)
    requests(cache)
    source.version = "2"
    requests(cache)
    assert len(source.asked) == 2


def test_only_live_days_are_read_again() -> None:
    source = Rows(live_from=LAST)
    cache = ReportCache(source)
    for _ in range(2):
        assert requests(cache) == {"ada": (10, 10), "ben": (1, 1)}
    sealed, live = replace(QUERY, last=LAST - timedelta(days=1)), replace(QUERY, first=LAST)
    assert source.asked == [sealed, live, live]


@pytest.mark.parametrize("live_from", [FIRST, FIRST - timedelta(days=99)])
def test_nothing_is_remembered_where_nothing_is_sealed(live_from: date) -> None:
    source = Rows(live_from=live_from)
    cache = ReportCache(source)
    for _ in range(2):
        assert requests(cache) == {"ada": (10, 10), "ben": (1, 1)}
    assert source.asked == [QUERY, QUERY]


def test_a_change_by_the_caller_stays_the_callers() -> None:
    cache = ReportCache(Rows())
    cache.lines(QUERY).clear()
    assert len(cache.lines(QUERY)) == 2


def test_it_keeps_so_many_lines_and_those_asked_for_last() -> None:
    source = Rows()
    cache = ReportCache(source, most_lines=7)
    other, third = replace(QUERY, user_id="ada"), replace(QUERY, user_id="ben")
    for query in (QUERY, other, QUERY, third):
        requests(cache, query)
    # Three lines' room each: two answers fit.
    source.asked.clear()
    for query in (QUERY, third, other):
        requests(cache, query)
    assert source.asked == [other]
    too_small = ReportCache(source, most_lines=2)
    source.asked.clear()
    requests(too_small)
    requests(too_small)
    assert source.asked == [QUERY, QUERY]


def test_nothing_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Rows()
    cache = ReportCache(source)
    requests(cache)
    monkeypatch.setattr(report_cache, "_KEEP_S", -1.0)
    requests(cache, replace(QUERY, user_id="x"))
    requests(cache, replace(QUERY, user_id="x"))
    requests(cache)
    assert [query.user_id for query in source.asked] == [None, "x", "x"]


def test_trouble_is_told() -> None:
    class Refusing(Rows):
        def sealed(self, query: UsageQuery) -> SealedState:
            raise BadInput("from", got=str(query.first), expected="a later day")

    with pytest.raises(BadInput):
        ReportCache(Refusing()).lines(QUERY)


class Busy(Rows):
    """Organizations with so many requests in the last seven days and in the 28 before."""

    counts: Mapping[str, tuple[int, int]] = {
        "new": (3, 0),
        "grew": (10, 32),
        "steady": (10, 40),
        "fell": (1, 40),
        "quiet": (0, 4),
        "idle": (0, 0),
    }

    def lines(self, query: UsageQuery) -> Iterator[UsageLine]:
        self.asked.append(query)
        is_recent = (query.last - query.first).days == 6
        for name, counts in sorted(self.counts.items()):
            if count := counts[0 if is_recent else 1]:
                yield UsageLine(key=(name,), sums=UsageTally(requests=count), days=1)

    def places(
        self, *, at_ms: int, only: Collection[str] | None = None
    ) -> Mapping[str, UsagePlace]:
        return {
            name: UsagePlace(id=name, name=name.title(), is_active=True, time_zone="UTC")
            for name in (*self.counts, "unassigned")
        }


class Noon:
    def now_ms(self) -> int:
        return 1_795_521_600_000  # 2026-11-24 12:00 UTC, when the 23rd has just ended everywhere


def test_who_grew_and_who_went_quiet() -> None:
    source = Busy()
    report = Activity(source, ReportCache(source), clock=Noon()).look()
    assert {one.place.id: one.trend for one in report.organizations} == {
        name: Trend(name) for name in Busy.counts
    }
    changes = {one.place.id: one.change_percent for one in report.organizations}
    assert changes["grew"] == Decimal("25.00")
    assert changes["quiet"] == Decimal("-100.00")
    assert (changes["new"], changes["idle"]) == (None, None)
    assert [one.place.id for one in report.organizations][-2:] == ["quiet", "idle"]
    assert report.last == date(2026, 11, 23)
    assert [(one.first, one.last) for one in source.asked] == [
        (date(2026, 11, 17), date(2026, 11, 23)),
        (date(2026, 10, 20), date(2026, 11, 16)),
    ]


def test_names_of_people() -> None:
    host = Host()
    host.add("ada")
    host.users["cy"] = HostUser(id="cy", name="", email="")
    people = People(host).of(["ada", "gone", "", "cy"])
    assert (people["ada"].name, people["ada"].email) == ("Ada", "ada@example.com")
    assert (people["gone"].name, people["gone"].email) == (DELETED, "")
    assert (people[""].name, people["cy"].name) == (NOBODY, "cy")
    host.questions = 0
    assert set(People(host).of([""])) == {""}
    assert host.questions == 0


def test_a_host_that_does_not_answer_leaves_ids() -> None:
    host = Host(is_away=True)
    with pytest.raises(StorageUnavailable):
        host.known(["ada"])
    assert People(host).of(["ada"])["ada"].name == "ada"


def test_what_a_cache_saved() -> None:
    prices = {
        "cached": ModelPrice(prompt_pusd=10, completion_pusd=0, cache_read_pusd=4),
        "dear": ModelPrice(prompt_pusd=10, completion_pusd=0, cache_read_pusd=11),
        "plain": ModelPrice(prompt_pusd=10, completion_pusd=0),
    }
    savings, sums = CacheSavings(prices.get), UsageTally(cached_tokens=7)
    found = {name: savings.of(name, sums) for name in (*prices, "unheard of")}
    assert found == {"cached": 42, "dear": 0, "plain": None, "unheard of": None}


def test_it_never_says_anything_else_than_the_tables(db: Database) -> None:
    """Before and after every thing that can happen to a day."""
    rows, organization, other = UsageLineRows(db), make_organization(db), make_organization(db, "B")
    cache, yesterday = ReportCache(rows), DAY - timedelta(days=1)
    queries = [
        UsageQuery(
            first=DAY - timedelta(days=40),
            last=DAY,
            organization_id=organization_id,
            group_by=group_by,
        )
        for organization_id in (organization, other, None)
        for group_by in ((), (Dimension.DAY,), (Dimension.USER,), (Dimension.ORGANIZATION,))
    ]
    entries = [entry_on(one, day) for one in (organization, other) for day in (DAY, yesterday)]
    late = entry_on(organization, yesterday, user_id="late")
    seals = SealRows(db)
    happenings: list[Callable[[], object]] = [
        lambda: None,
        lambda: book(db, *entries),
        lambda: seals.seal(organization, yesterday, now_ms=NOW_MS),
        lambda: seals.seal(other, yesterday, now_ms=NOW_MS),
        lambda: book(db, late),
        lambda: book(db, entry_on(organization, yesterday, source=Source.ADJUSTMENT, raw_pusd=1)),
        lambda: seals.seal(organization, DAY, now_ms=NOW_MS),
        lambda: book(db, entry_on(organization, DAY, user_id="later")),
        lambda: seals.seal(other, DAY, now_ms=NOW_MS),
    ]
    for happen in happenings:
        happen()
        with session(db):
            for query in queries * 2:
                assert cache.lines(query) == list(rows.lines(query))


def test_what_is_asked_for_is_checked_before_any_line(db: Database) -> None:
    rows = UsageLineRows(db)
    reports = UsageReports(rows, ReportCache(rows), people=People(Host()), clock=Noon())
    organization = make_organization(db)
    book(db, entry_on(organization, DAY))
    query = UsageQuery(first=DAY, last=DAY, organization_id=organization)
    assert [line.sums.requests for line in reports.lines(query)] == [1]
    with pytest.raises(BadInput, match="to"):
        reports.lines(replace(query, last=DAY - timedelta(days=1)))
    with pytest.raises(BadInput, match="at most 1100 days"):
        reports.lines(replace(query, first=DAY - timedelta(days=1_100)))
    with pytest.raises(NotFound, match="nobody"):
        reports.lines(replace(query, organization_id="nobody"))
    three = (Dimension.DAY, Dimension.USER, Dimension.MODEL)
    with pytest.raises(BadInput, match="group_by"):
        reports.lines(replace(query, group_by=three))


def test_today_is_each_organizations_own(db: Database) -> None:
    rows = UsageLineRows(db)
    reports = UsageReports(rows, ReportCache(rows), people=People(Host()), clock=Noon())
    ids = {}
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        made = OrganizationRows(db).create(
            name=zone, time_zone=zone, rate_micro=1, billing_currency="USD", now_ms=1
        )
        ids[zone] = made.id
        for back in (-1, 0, 1):
            make_months(db, at=date(2026, 11, 24))
            book(db, entry_on(made.id, date(2026, 11, 24) - timedelta(days=back), user_id=zone))
    days = {zone: str(reports.today(one)) for zone, one in ids.items()}
    # 12:00 UTC, which is midnight twelve hours behind it.
    assert days == {
        "UTC": "2026-11-24",
        "Pacific/Kiritimati": "2026-11-25",
        "Etc/GMT+12": "2026-11-24",
    }
    assert str(reports.today(None)) == "2026-11-25"
    report = reports.today_of(None, ReportWish())
    assert {line.key for line in report.lines} == {(ids[zone], days[zone]) for zone in ids}
    assert report.total.requests == 3
