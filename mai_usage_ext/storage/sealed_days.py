"""The rows of sealed days: put in place of what stood there, or added to."""

from collections.abc import Mapping
from typing import Any

from peewee import Case, Database, fn

from mai_usage_ext.metering.daily import SUMS, DayTally, Sums
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientModelDailyUsage,
    ClientMonthTotal,
    ClientUserDailyUsage,
    UserClientMapping,
)
from mai_usage_ext.storage.sessions import write
from mai_usage_ext.storage.statements import Write, adding

__all__ = ["DayKey", "SealedDays", "is_of"]

DayKey = tuple[str, str]
"""Organization, ISO day."""

_TABLES: tuple[Any, ...] = (ClientDailyUsage, ClientUserDailyUsage, ClientModelDailyUsage)
_DAY = ("organization_id", "day")
_BEYOND_SUMS = (
    "task_requests",
    "task_billed_pusd",
    "distinct_users",
    "distinct_models",
    "first_at_ms",
    "last_at_ms",
    "sealed_at_ms",
    "source",
)


class SealedDays:
    """Everything happens in the caller's transaction, which holds the lock of the day's month."""

    def __init__(self, db: Database) -> None:
        self._db = db
        user, model = (*_DAY, "user_id"), (*_DAY, "model", "provider")
        others = ("openrouter_user_id", "sealed_at_ms")
        self._add_days = Write(db, adding(ClientDailyUsage, _DAY, SUMS, others=_BEYOND_SUMS))
        self._add_users = Write(db, adding(ClientUserDailyUsage, user, SUMS, others=others))
        self._add_models = Write(db, adding(ClientModelDailyUsage, model, SUMS, others=others[1:]))

    def source(self, key: DayKey) -> str | None:
        """Where the day's row came from; ``None`` for a day that is not sealed."""
        table: Any = ClientDailyUsage
        row = table.select(table.source).where(is_of(table, key)).tuples().bind(self._db).first()
        return None if row is None else str(row[0])

    def version(self, key: DayKey, *, now_ms: int) -> int:
        """What a sealing is noted at: now, but later than the one before whatever clocks say."""
        table: Any = ClientDailyUsage
        row = (
            table.select(table.sealed_at_ms)
            .where(is_of(table, key))
            .tuples()
            .bind(self._db)
            .first()
        )
        return now_ms if row is None else max(now_ms, int(row[0]) + 1)

    def replace(self, key: DayKey, tally: DayTally, *, now_ms: int) -> None:
        """These rows and no others stand for the day from now on."""
        for table in _TABLES:
            write(self._db, table.delete().where(is_of(table, key)))
        self._add_days.run([_day_row(key, tally, now_ms)])
        self._add_parts(key, tally, now_ms)
        self._note(key)

    def add(self, key: DayKey, tally: DayTally, *, now_ms: int) -> None:
        """Add to the rows of a day that is sealed."""
        self._add_parts(key, tally, now_ms)
        self._add_to_day(key, tally, now_ms)
        self._note(key)

    def _add_parts(self, key: DayKey, tally: DayTally, now_ms: int) -> None:
        names = _names(self._db, key, tally)
        self._add_users.run(_user_rows(key, tally, now_ms, names=names))
        self._add_models.run(_model_rows(key, tally, now_ms))

    def _add_to_day(self, key: DayKey, tally: DayTally, now_ms: int) -> None:
        table: Any = ClientDailyUsage
        sums = dict(zip(SUMS, tally.sums, strict=True))
        sums |= {"task_requests": tally.task_requests, "task_billed_pusd": tally.task_billed_pusd}
        changes = {
            getattr(table, name): getattr(table, name) + amount for name, amount in sums.items()
        }
        users, models = ClientUserDailyUsage, ClientModelDailyUsage
        known = is_of(users, key) & (users.user_id != "")
        first, last = table.first_at_ms, table.last_at_ms
        changes |= {
            table.sealed_at_ms: now_ms,
            table.distinct_users: users.select(fn.COUNT(users.user_id)).where(known),
            table.distinct_models: models.select(fn.COUNT(models.model.distinct())).where(
                is_of(models, key)
            ),
            first: Case(None, [(first < tally.first_at_ms, first)], tally.first_at_ms),
            last: Case(None, [(last > tally.last_at_ms, last)], tally.last_at_ms),
        }
        write(self._db, table.update(changes).where(is_of(table, key)))

    def _note(self, key: DayKey) -> None:
        """Say on the month's row how far its days are sealed, where the writer sees it."""
        total, (organization_id, day) = ClientMonthTotal, key
        row = {"organization_id": organization_id, "month": day[:7], "user_id": ORGANIZATION}
        make = total.insert(**row, spent_pusd=0, held_pusd=0).on_conflict(action="IGNORE")
        write(self._db, make)
        is_theirs = [getattr(total, name) == value for name, value in row.items()]
        is_earlier = total.sealed_through.is_null() | (total.sealed_through < day)
        write(self._db, total.update(sealed_through=day).where(*is_theirs, is_earlier))


def _names(db: Database, key: DayKey, tally: DayTally) -> Mapping[str, str | None]:
    """How OpenRouter knew the organization's users that day; one of its members has a name."""
    member = UserClientMapping
    query: Any = member.select(member.user_id, member.openrouter_user_id).where(
        (member.organization_id == key[0]) & (member.valid_from_ms <= (tally.last_at_ms or 0))
    )
    # A later stretch of the same member wins.
    return dict(query.order_by(member.valid_from_ms).tuples().bind(db))


def _user_rows(
    key: DayKey, tally: DayTally, now_ms: int, *, names: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """Rows of ``client_user_daily_usage``, in the order of its key."""
    return [
        {**_row(key, sums, now_ms), "user_id": user_id, "openrouter_user_id": names.get(user_id)}
        for user_id, sums in sorted(tally.users.items())
    ]


def _model_rows(key: DayKey, tally: DayTally, now_ms: int) -> list[dict[str, Any]]:
    """Rows of ``client_model_daily_usage``, in the order of its key."""
    return [
        {**_row(key, sums, now_ms), "model": model, "provider": provider}
        for (model, provider), sums in sorted(tally.models.items())
    ]


def _day_row(key: DayKey, tally: DayTally, now_ms: int) -> dict[str, Any]:
    return {
        **_row(key, tally.sums, now_ms),
        "task_requests": tally.task_requests,
        "task_billed_pusd": tally.task_billed_pusd,
        "distinct_users": tally.distinct_users,
        "distinct_models": tally.distinct_models,
        "first_at_ms": tally.first_at_ms,
        "last_at_ms": tally.last_at_ms,
        "source": "ledger",
    }


def _row(key: DayKey, sums: Sums, now_ms: int) -> dict[str, Any]:
    organization_id, day = key
    row: dict[str, Any] = dict(zip(SUMS, sums, strict=True))
    return {**row, "organization_id": organization_id, "day": day, "sealed_at_ms": now_ms}


def is_of(table: Any, key: DayKey) -> Any:
    """The rows of that day, in whichever table that has organizations and days."""
    return (table.organization_id == key[0]) & (table.day == key[1])
