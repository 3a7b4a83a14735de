"""The database's clock, and the earlier of two."""

import time

from peewee import Database

from mai_usage_ext.storage.clock import DatabaseClock, EarlierClock
from tests.services.office import Clock

HOUR_MS = 3_600_000


def test_the_databases_clock_tells_milliseconds_of_utc(db: Database) -> None:
    before = time.time_ns() // 1_000_000
    now_ms = DatabaseClock(db).now_ms()
    # Here both are of one machine; SQLite tells thousandths of a second, rounded.
    assert before - 2 <= now_ms <= time.time_ns() // 1_000_000 + 2
    assert type(now_ms) is int


def test_the_earlier_clock_is_whichever_is_behind(db: Database) -> None:
    own = Clock()
    clock = EarlierClock(db, own)
    own.at_ms = DatabaseClock(db).now_ms() - HOUR_MS
    assert clock.now_ms() == own.at_ms
    own.at_ms += 2 * HOUR_MS
    assert own.at_ms - clock.now_ms() > HOUR_MS // 2
