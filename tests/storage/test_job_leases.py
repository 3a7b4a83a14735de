"""Leases of jobs: one holder at a time, and nobody's for ever. Every process has its own store."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from peewee import Database

from mai_usage_ext.storage.job_leases import JobLeaseRows
from mai_usage_ext.storage.models import JobLease
from mai_usage_ext.storage.sessions import session, transaction, write

HOUR_MS = 3_600_000
NAME = "sealing"


def row_of(db: Database) -> Any:
    with session(db):
        return JobLease.select().where(JobLease.name == NAME).bind(db).get()


def change(db: Database, **changes: Any) -> None:
    with transaction(db):
        write(db, JobLease.update(**changes))


def test_a_lease_is_one_processs(db: Database) -> None:
    one, two = JobLeaseRows(db, owner="one"), JobLeaseRows(db, owner="two")
    assert one.begin(NAME, every_ms=0)
    assert not two.begin(NAME, every_ms=0)
    assert not one.begin(NAME, every_ms=0), "it runs already"
    assert two.begin("another job", every_ms=0)
    row = row_of(db)
    assert row.until_ms - row.begun_ms == one.length_ms == 20_000
    assert one.renew(NAME)
    assert not two.renew(NAME)
    assert row_of(db).until_ms >= row.until_ms
    two.end(NAME, problem=None)
    assert row_of(db).ended_ms is None
    one.end(NAME, problem=None)
    assert two.begin(NAME, every_ms=0)


def test_only_one_of_many_who_ask_at_once_gets_it(db: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = [JobLeaseRows(db, owner=f"process-{number}") for number in range(8)]
        got = list(pool.map(lambda store: store.begin(NAME, every_ms=0), stores))
    assert sum(got) == 1


def test_a_job_is_due_once_in_its_time_for_all(db: Database) -> None:
    one, two = JobLeaseRows(db, owner="one"), JobLeaseRows(db, owner="two")
    assert one.begin(NAME, every_ms=HOUR_MS)
    one.end(NAME, problem=None)
    assert not one.begin(NAME, every_ms=HOUR_MS)
    assert not two.begin(NAME, every_ms=HOUR_MS)
    change(db, begun_ms=JobLease.begun_ms - HOUR_MS)
    assert two.begin(NAME, every_ms=HOUR_MS)


def test_a_killed_leader_is_replaced_when_its_lease_ends(db: Database) -> None:
    one, two = JobLeaseRows(db, owner="one"), JobLeaseRows(db, owner="two")
    assert one.begin(NAME, every_ms=HOUR_MS)
    one.end(NAME, problem=None)
    change(db, begun_ms=JobLease.begun_ms - HOUR_MS)
    assert one.begin(NAME, every_ms=HOUR_MS)
    assert not two.begin(NAME, every_ms=HOUR_MS)
    change(db, until_ms=JobLease.until_ms - one.length_ms)
    assert two.begin(NAME, every_ms=HOUR_MS), "the run never ended, so it is due at once"
    assert not one.renew(NAME), "whoever was only asleep is told"
    one.end(NAME, problem="late")
    assert row_of(db).problem is None


def test_what_is_given_back_may_begin_at_once(db: Database) -> None:
    one, two = JobLeaseRows(db, owner="one"), JobLeaseRows(db, owner="two")
    assert one.begin(NAME, every_ms=HOUR_MS)
    one.give_back(NAME)
    assert two.begin(NAME, every_ms=HOUR_MS)


def test_a_clock_that_was_set_back_locks_nobody_out(db: Database) -> None:
    one, two = JobLeaseRows(db, owner="one"), JobLeaseRows(db, owner="two")
    assert one.begin(NAME, every_ms=HOUR_MS)
    change(db, begun_ms=JobLease.begun_ms + HOUR_MS, until_ms=JobLease.until_ms + HOUR_MS)
    assert two.begin(NAME, every_ms=HOUR_MS)
    two.end(NAME, problem=None)
    later = {name: getattr(JobLease, name) + HOUR_MS for name in ("begun_ms", "ended_ms")}
    change(db, **later)
    assert one.begin(NAME, every_ms=HOUR_MS)


def test_records(db: Database) -> None:
    one = JobLeaseRows(db, owner="one")
    assert one.records() == []
    one.begin(NAME, every_ms=0)
    one.end(NAME, problem=None)
    [well] = one.records()
    assert (well.name, well.owner, well.problem) == (NAME, "one", None)
    assert well.begun_ms is not None
    assert well.succeeded_ms is not None
    one.begin(NAME, every_ms=0)
    one.end(NAME, problem="x" * 1000)
    [badly] = one.records()
    assert badly.problem == "x" * 500
    assert badly.succeeded_ms == well.succeeded_ms
