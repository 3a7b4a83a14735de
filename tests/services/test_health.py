"""The checks of the health page: each at its worst, with a sentence and what to do."""

from datetime import date
from typing import Any

import pytest

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.ports import HoldState, JobRecord, LiveDay
from mai_usage_ext.ports.vitals import Contact, Unsettled, Vitals
from mai_usage_ext.services import health_checks as checks
from mai_usage_ext.services.health import Check, CheckStatus, HealthCheck, RedisState
from mai_usage_ext.services.job_reports import JobReport

NOW_MS = 1_768_903_200_000
HOUR_MS = 3_600_000
OK, DEGRADED, DOWN = CheckStatus.OK, CheckStatus.DEGRADED, CheckStatus.DOWN


class Clock:
    def now_ms(self) -> int:
        return NOW_MS


class Database:
    """Answers while ``is_there``."""

    def __init__(self, vitals: Vitals) -> None:
        self.vitals = vitals
        self.is_there = True
        self.pings = 0

    def ping(self) -> int:
        self.pings += 1
        return self.look().database_ms

    def look(self) -> Vitals:
        if not self.is_there:
            raise StorageUnavailable("connection refused")
        return self.vitals


def vitals(**fields: Any) -> Vitals:
    return Vitals(database_ms=NOW_MS, **fields)


def pending(age_ms: int, state: HoldState = HoldState.PENDING) -> Vitals:
    return vitals(unsettled={state: Unsettled(count=2, oldest_at_ms=NOW_MS - age_ms)})


class Days:
    def __init__(self, *days: date) -> None:
        self._days = days

    def oldest_live_days(self) -> list[LiveDay]:
        return [
            LiveDay(organization_id=f"o{n}", day=day, time_zone="UTC")
            for n, day in enumerate(self._days)
        ]

    def seal(self, organization_id: str, day: date, *, now_ms: int) -> bool:
        raise AssertionError("health seals nothing")


def writer(**changes: Any) -> Check:
    fields = {"depth": 0, "capacity": 10, "refused": 0, "error": None, "alive": True}
    return checks.queue_check(**{**fields, **changes})


def clocks(own_ahead_ms: int, skew_ms: int | None) -> Check:
    check = checks.clock_check(Clock(), lambda: Contact(skew_ms=skew_ms))
    return check(Vitals(database_ms=NOW_MS - own_ahead_ms))


def sealing(*days: date) -> Check:
    return checks.sealing_check(Days(*days), grace_ms=0, clock=Clock())(vitals())


def job(**changes: Any) -> Check:
    record = JobRecord(name="sealing", succeeded_ms=NOW_MS, problem=changes.pop("problem", None))
    fields = {"record": record, "every_s": 60, "is_shared": True, "is_overdue": False, **changes}
    return checks.job_check(JobReport(**fields))


@pytest.mark.parametrize(
    ("check", "status", "words"),
    [
        (checks.database_check(0.0123), OK, "12.3 ms"),
        (checks.database_check(1.5), DEGRADED, "1500.0 ms"),
        (checks.away_check(OSError("gone")), DOWN, "does not answer: gone"),
        (writer(), OK, "0 of 10"),
        (writer(depth=6), DEGRADED, "6 of 10"),
        (writer(error="locked"), DEGRADED, "the writer fails: locked"),
        (writer(alive=False), DOWN, "does not run"),
        (checks.pending_check(Clock())(vitals()), OK, "no call waits"),
        (checks.pending_check(Clock())(pending(10_000)), OK, "2 pending; the oldest for 10 s"),
        (checks.pending_check(Clock())(pending(3 * HOUR_MS)), DEGRADED, "the oldest for 3 h"),
        (checks.pending_check(Clock())(pending(9 * HOUR_MS, HoldState.OPEN)), OK, "no call waits"),
        (clocks(200, None), OK, "level with the database's"),
        (clocks(60_000, None), DEGRADED, "60 s ahead of the database's"),
        (clocks(0, -600_000), DEGRADED, "10 min behind OpenRouter's"),
        (sealing(date(2026, 1, 20)), OK, "every day"),
        (sealing(date(2026, 1, 18), date(2026, 1, 17)), DEGRADED, "2026-01-18 of o0 is over"),
        (checks.migrations_check(vitals(waiting=["m7"])), DEGRADED, "not applied: m7"),
        (checks.disk_check(vitals(free_bytes=10**6)), DEGRADED, "0 MiB are free"),
        (checks.disk_check(vitals()), OK, "its own disk"),
        (checks.openrouter_check(Contact()), OK, "not asked yet"),
        (checks.openrouter_check(Contact(failed_ms=1, problem="x")), DEGRADED, "1970-01-01"),
        (checks.openrouter_check(Contact(credits_pusd=0)), DEGRADED, "credits left: 0 USD"),
        (checks.redis_check(["REDIS_URL: gone"]), DEGRADED, "REDIS_URL: gone"),
        (job(), OK, "last done at 2026-01-20T10:00:00Z"),
        (job(problem="no good"), DEGRADED, "the job sealing fails: no good"),
        (job(is_overdue=True), DEGRADED, "the job sealing does not run"),
    ],
    ids=lambda value: value.name if isinstance(value, Check) else str(value),
)
def test_a_check(check: Check, status: CheckStatus, words: str) -> None:
    assert check.status is status
    assert words in check.seen
    assert bool(check.advice) == (status is not OK)


def test_the_worst_decides() -> None:
    database = Database(vitals())
    health = HealthCheck(database, version="1", own=[lambda: writer(depth=9)])
    found = health.look()
    assert (found.status, found.reasons) == (
        DEGRADED,
        ["9 of 10 changes wait to be written, 0 were refused for no room"],
    )
    database.is_there = False
    found = health.look()
    assert found.status is DOWN
    assert found.reasons[0] == "the database does not answer: connection refused"
    assert len(found.checks) == 2, "what the database would have to say is left out"
    assert found.redis is RedisState.OFF


def test_live_asks_no_database_and_ready_asks_once_a_second() -> None:
    database = Database(vitals())
    health = HealthCheck(database, version="1", essential=[writer])
    assert health.live() is OK
    assert database.pings == 0
    assert [health.ready() for _ in range(5)] == [OK] * 5
    assert database.pings == 1
    database.is_there = False
    assert HealthCheck(database, version="1", essential=[writer]).ready() is DOWN
    assert health.live() is OK


def test_a_writer_that_ended_is_neither_live_nor_ready() -> None:
    health = HealthCheck(Database(vitals()), version="1", essential=[lambda: writer(alive=False)])
    assert (health.live(), health.ready()) == (DOWN, DOWN)
