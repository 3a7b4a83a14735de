"""What reports are made of, for every grouping there is, beside the sums of the provider's bill."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import combinations

import pytest
from peewee import Database

from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.ports.usage import Dimension, UsageQuery
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.golden.fixtures import GoldenYear

pytestmark = pytest.mark.slow

OTHERS = [dimension for dimension in Dimension if dimension is not Dimension.ORGANIZATION]
GROUPINGS = [
    (*organization, *others)
    for organization in ((), (Dimension.ORGANIZATION,))
    for count in range(3)
    for others in combinations(OTHERS, count)
]


@pytest.fixture
def db(golden_year: GoldenYear) -> Iterator[Database]:
    database = open_database(golden_year.url)
    yield database
    close_database(database)


def compare(db: Database, golden_year: GoldenYear, query: UsageQuery, where: str) -> int:
    """Line by line, in order; returns how many lines there are."""
    lines = list(UsageLineRows(db).lines(query))
    wanted = golden_year.tallies(tuple(map(str, query.group_by)), where=where)
    assert [line.key for line in lines] == sorted(wanted), query
    for line in lines:
        assert line.sums == as_told(wanted[line.key], line.sums), (query, line.key)
    return len(lines)


def as_told(wanted: UsageTally, told: UsageTally) -> UsageTally:
    """Where no table knows what calls were for, nobody is to say so."""
    if told.task_requests is None:
        return replace(wanted, task_requests=None, task_billed_pusd=None)
    return wanted


def year_of(golden_year: GoldenYear, *group_by: Dimension, **more: object) -> UsageQuery:
    query = UsageQuery(first=golden_year.first, last=golden_year.last, group_by=group_by)
    return replace(query, **more)  # type: ignore[arg-type]


def test_every_grouping(golden_year: GoldenYear, db: Database) -> None:
    counts = [
        compare(db, golden_year, year_of(golden_year, *group_by), "true") for group_by in GROUPINGS
    ]
    assert len(counts) == 2 * (1 + 7 + 21)
    assert min(counts) == 1


@pytest.mark.parametrize(
    "group_by",
    [(), (Dimension.DAY,), (Dimension.MONTH, Dimension.MODEL), (Dimension.USER, Dimension.PURPOSE)],
    ids=lambda group_by: "+".join(group_by) or "all",
)
def test_of_one_organization_and_of_one_user(
    golden_year: GoldenYear, db: Database, group_by: tuple[Dimension, ...]
) -> None:
    for organization_id in golden_year.ids:
        query = year_of(golden_year, *group_by, organization_id=organization_id)
        assert compare(db, golden_year, query, f"organization = '{organization_id}'") > 0
    for user_id in ("tama", "ola", ""):
        query = year_of(golden_year, *group_by, user_id=user_id)
        assert compare(db, golden_year, query, f"\"user\" = '{user_id}'") > 0


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2024, 2, 29), date(2024, 2, 29)),
        (date(2024, 3, 10), date(2024, 4, 7)),
        (date(2024, 12, 28), date(2024, 12, 31)),
        (date(2024, 12, 31), date(2024, 12, 31)),
    ],
    ids=["leap day", "changing clocks", "sealed and live", "live"],
)
def test_of_some_days(golden_year: GoldenYear, db: Database, first: date, last: date) -> None:
    where = f"day BETWEEN DATE '{first}' AND DATE '{last}'"
    for group_by in GROUPINGS[::5]:
        query = year_of(golden_year, *group_by, first=first, last=last)
        assert compare(db, golden_year, query, where) > 0
