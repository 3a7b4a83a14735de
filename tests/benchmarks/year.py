"""A year of sealed days for many organizations, written by the database itself.

It is what sealing leaves behind, day after day for all organizations, in that order, so that one
organization's rows lie as far apart as they would. Today is not sealed yet: its live cells are one
for each user and model.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from peewee import Database

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.partitions import with_months
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.storage.samples import make_organization

__all__ = ["DAYS", "GROWING", "MODELS", "USERS", "fill"]

USERS, MODELS, DAYS = 100, 20, 365
GROWING = (
    "client_daily_usage",
    "client_user_daily_usage",
    "client_model_daily_usage",
    "client_live_counters",
    "client_month_totals",
)

_MADE = "SELECT id FROM client_organizations WHERE substr(name, 1, 13) = 'Organization '"
# The sums of one cell, in the order of SUMS: forty calls.
_CELL = (40, 1, 2, 326_960, 1_200, 480, 280, 13_078_400_040, 17_001_920_052, 8_400, 40, 76_000)
_USER = "'00000000-aaaa-bbbb-cccc-' || CAST(100000000000 + users.n AS TEXT)"
_MODEL = "'provider/model-' || CAST(models.n AS TEXT)"


def fill(db: Database, *, organizations: int) -> list[str]:
    """Ids of so many new organizations, each with ``DAYS`` sealed days before today."""
    ids = [make_organization(db, f"Organization {n}") for n in range(organizations)]
    today = datetime.now(UTC).date()
    with session(db):
        if is_sqlite(db):
            execute(db, "PRAGMA cache_size = -400000").close()
        for _, days in groupby(_days(today), key=lambda day: (day.year, day.month)):
            with_months(db, _written(db, list(days)))
        with transaction(db):
            execute(db, _live(today)).close()
        if not is_sqlite(db):
            for table in GROWING:
                execute(db, f"VACUUM ANALYZE {table}").close()
    return ids


def _days(today: date) -> Iterator[date]:
    return (today - timedelta(days=back) for back in range(DAYS, 0, -1))


def _written(db: Database, days: list[date]) -> Callable[[], None]:
    """The transaction of one month's days."""

    def write() -> None:
        with transaction(db):
            for day in days:
                for statement in (_daily(day), _by_user(day), _by_model(day)):
                    execute(db, statement).close()
            execute(db, _month(days[0])).close()

    return write


def _insert(table: str, columns: dict[str, str], *, counts: dict[str, int]) -> str:
    """One INSERT of a row for each organization and each combination of the counts."""
    numbers = "".join(
        f", {name}(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM {name} WHERE n < {count - 1})"
        for name, count in counts.items()
    )
    joined = "".join(f" CROSS JOIN {name}" for name in counts)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"WITH RECURSIVE made(id) AS ({_MADE}){numbers} "
        f"SELECT {', '.join(columns.values())} FROM made{joined}"
    )


def _sums(times: int) -> dict[str, str]:
    return {name: str(value * times) for name, value in zip(SUMS, _CELL, strict=True)}


def _key(day: date) -> dict[str, str]:
    return {"organization_id": "made.id", "day": f"'{day}'"}


def _daily(day: date) -> str:
    more = {"task_requests": "9", "task_billed_pusd": "9", "distinct_users": str(USERS)}
    more |= {"distinct_models": str(MODELS), "sealed_at_ms": "0"}
    return _insert("client_daily_usage", _key(day) | _sums(USERS) | more, counts={})


def _by_user(day: date) -> str:
    who = {"user_id": _USER, "openrouter_user_id": _USER}
    columns = _key(day) | who | _sums(1) | {"sealed_at_ms": "0"}
    return _insert("client_user_daily_usage", columns, counts={"users": USERS})


def _by_model(day: date) -> str:
    what = {"model": _MODEL, "provider": "'Acme'"}
    columns = _key(day) | what | _sums(USERS // MODELS) | {"sealed_at_ms": "0"}
    return _insert("client_model_daily_usage", columns, counts={"models": MODELS})


def _live(today: date) -> str:
    cell = {"user_id": _USER, "model": _MODEL, "provider": "'Acme'", "purpose": "'chat'"}
    counts = {"users": USERS, "models": MODELS}
    return _insert("client_live_counters", _key(today) | cell | _sums(1), counts=counts)


def _month(day: date) -> str:
    columns = {"organization_id": "made.id", "month": f"'{day:%Y-%m}'", "user_id": "''"}
    return _insert(
        "client_month_totals", columns | {"spent_pusd": "17001920052", "held_pusd": "0"}, counts={}
    )
