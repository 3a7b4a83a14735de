"""Calls of a day, the daily tables as they are, and as the ledger says they ought to be."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from peewee import Database

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.ports import Hold, LedgerEntry
from mai_usage_ext.storage.changes import Settle
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    ClientUserDailyUsage,
    UsageLedger,
)
from mai_usage_ext.storage.sessions import session
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold

YESTERDAY = DAY - timedelta(days=1)
NOW_MS = AT_MS + 86_400_000

TASKS = {"title", "tags", "follow_up", "query", "image_prompt", "autocomplete", "emoji"}
DAY_COLUMNS = (
    "task_requests", "task_billed_pusd", "distinct_users", "distinct_models", "first_at_ms",
    "last_at_ms",
)  # fmt: skip


@dataclass
class Sealed:
    """Every sealed day: its sums with ``DAY_COLUMNS`` behind them, and its users' and models'."""

    days: dict[tuple[str, date], tuple[Any, ...]] = field(default_factory=dict)
    users: dict[tuple[str, date, str], tuple[int, ...]] = field(default_factory=dict)
    models: dict[tuple[str, date, str, str], tuple[int, ...]] = field(default_factory=dict)


def sealed_rows(db: Database) -> Sealed:
    with session(db):
        return Sealed(
            days={
                (row.organization_id, row.day): (*_sums(row), *_columns(row))
                for row in ClientDailyUsage.select().bind(db)
            },
            users={
                (row.organization_id, row.day, row.user_id): _sums(row)
                for row in ClientUserDailyUsage.select().bind(db)
            },
            models={
                (row.organization_id, row.day, row.model, row.provider): _sums(row)
                for row in ClientModelDailyUsage.select().bind(db)
            },
        )


def expected_rows(db: Database, days: set[tuple[str, date]]) -> Sealed:
    """What the rows of these days have to be, added up here from single entries."""
    with session(db):
        entries = [
            one for one in UsageLedger.select().bind(db) if (one.organization_id, one.day) in days
        ]
    by_day: defaultdict[Any, list[Any]] = defaultdict(list)
    by_user: defaultdict[Any, list[Any]] = defaultdict(list)
    by_model: defaultdict[Any, list[Any]] = defaultdict(list)
    for one in entries:
        day = one.organization_id, one.day
        by_day[day].append(one)
        by_user[(*day, one.user_id)].append(one)
        by_model[(*day, one.model, one.provider)].append(one)
    return Sealed(
        days={key: (*_added(some), *_beyond(some)) for key, some in by_day.items()},
        users={key: _added(some) for key, some in by_user.items()},
        models={key: _added(some) for key, some in by_model.items()},
    )


def live_days(db: Database) -> set[tuple[str, date]]:
    with session(db):
        rows = ClientLiveCounter.select().bind(db)
        return {(row.organization_id, row.day) for row in rows}


def _sums(row: Any) -> tuple[int, ...]:
    return tuple(getattr(row, name) for name in SUMS)


def _columns(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in DAY_COLUMNS)


def _added(entries: list[Any]) -> tuple[int, ...]:
    return (
        len(entries),
        sum(one.outcome == "failed" for one in entries),
        sum(one.outcome == "cancelled" for one in entries),
        sum(one.prompt_tokens for one in entries),
        sum(one.completion_tokens for one in entries),
        sum(one.cached_tokens for one in entries),
        sum(one.reasoning_tokens for one in entries),
        sum(one.raw_pusd for one in entries),
        sum(one.billed_pusd for one in entries),
        sum(one.first_byte_ms or 0 for one in entries),
        sum(one.first_byte_ms is not None for one in entries),
        sum(one.duration_ms or 0 for one in entries),
    )


def _beyond(entries: list[Any]) -> tuple[Any, ...]:
    tasks = [one for one in entries if one.purpose in TASKS]
    return (
        len(tasks),
        sum(one.billed_pusd for one in tasks),
        len({one.user_id for one in entries} - {""}),
        len({one.model for one in entries}),
        min(one.at_ms for one in entries),
        max(one.at_ms for one in entries),
    )


def book(db: Database, *entries: LedgerEntry) -> list[bool]:
    """Commit them as one group, each with a hold of its own."""
    changes = [Settle(hold_of(entry), entry) for entry in entries]
    return GroupCommit(db).commit(changes, now_ms=NOW_MS)  # type: ignore[return-value]


def hold_of(entry: LedgerEntry) -> Hold:
    return make_hold(
        entry.organization_id,
        user_id=entry.user_id,
        day=entry.day,
        month=f"{entry.day:%Y-%m}",
        at_ms=entry.at_ms,
    )


def entry_on(organization: str, day: date, **changes: object) -> LedgerEntry:
    at_ms = AT_MS + (day - DAY).days * 86_400_000
    return make_entry(
        make_hold(organization, day=day, month=f"{day:%Y-%m}", at_ms=at_ms), **changes
    )


def assert_as_the_ledger(db: Database, *days: tuple[str, date]) -> None:
    assert sealed_rows(db) == expected_rows(db, set(days))
