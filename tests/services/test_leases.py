"""A shared job: run by one, renewed while it runs, and told of when it fails."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from peewee import Database

from mai_usage_ext import guard
from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.ports import JobRecord
from mai_usage_ext.services.job_reports import JobReports
from mai_usage_ext.services.leases import LeasedJob
from mai_usage_ext.storage.clock import DatabaseClock
from mai_usage_ext.storage.job_leases import JobLeaseRows
from tests.services.office import NOW_MS, Clock


async def nothing() -> None: ...


@dataclass
class Leases:
    """Notes what it is told; ``renewed`` is set by each renewal, which ``answers`` say."""

    length_ms: int = 3
    answers: Iterator[object] = field(default_factory=lambda: iter(()))
    told: list[tuple[str, str | None]] = field(default_factory=list)
    is_away: bool = False
    renewals: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, name: str, *, every_ms: int) -> bool:
        if self.is_away:
            raise StorageUnavailable("locked")
        return True

    def renew(self, name: str) -> bool:
        self.renewals += 1
        answer = next(self.answers, False)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    def end(self, name: str, *, problem: str | None) -> None:
        self.told.append(("ended", problem))
        if self.is_away:
            raise StorageUnavailable("locked")

    def give_back(self, name: str) -> None:
        self.told.append(("given back", None))

    def records(self) -> list[JobRecord]:
        return []


async def eventually(counted: str) -> None:
    async with asyncio.timeout(10):
        while not guard.tally[counted]:  # noqa: ASYNC110 - counted in another task
            await asyncio.sleep(0.001)


async def test_two_processes_share_a_job(db: Database) -> None:
    ran: list[str] = []

    async def work(owner: str) -> None:
        ran.append(owner)

    def job(owner: str) -> LeasedJob:
        leases = JobLeaseRows(db, owner=owner)
        return LeasedJob("sealing", lambda: work(owner), every_s=3600, leases=leases)

    await asyncio.gather(*(job(owner).run() for owner in ("one", "two")))
    await job("two").run()
    assert len(ran) == 1


async def test_a_job_that_hangs_holds_up_no_other(db: Database) -> None:
    leases, other = JobLeaseRows(db, owner="one"), JobLeaseRows(db, owner="two")
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    stuck = asyncio.create_task(LeasedJob("keys", hang, every_s=1, leases=leases).run())
    await begun.wait()
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    await LeasedJob("sealing", work, every_s=1, leases=leases).run()
    assert ran.is_set()
    assert not other.begin("keys", every_ms=1)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert other.begin("keys", every_ms=3_600_000), "a process that stops gives it back"


async def test_it_is_renewed_while_it_runs_and_until_it_is_lost() -> None:
    leases = Leases(answers=iter([True, StorageUnavailable("locked"), True, False]))
    await LeasedJob("sealing", lambda: eventually("leases lost"), every_s=1, leases=leases).run()
    assert leases.renewals == 4
    assert guard.tally["leases not renewed"] == 1
    assert leases.told == [("ended", None)]


async def test_it_is_not_renewed_for_ever() -> None:
    leases = Leases(answers=iter(lambda: True, None))
    work = LeasedJob(
        "sealing", lambda: eventually("jobs stuck"), every_s=1, leases=leases, longest_s=0.01
    )
    await work.run()
    assert guard.tally["jobs stuck"] == 1


async def test_a_failure_is_told_and_raised() -> None:
    leases = Leases()

    async def fail() -> None:
        raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        await LeasedJob("sealing", fail, every_s=1, leases=leases).run()
    assert leases.told == [("ended", "no good")]


async def test_a_database_that_is_away_postpones_it() -> None:
    leases = Leases(is_away=True)
    await LeasedJob("sealing", nothing, every_s=1, leases=leases).run()
    assert leases.told == []
    leases.is_away = False

    async def cut_off() -> None:
        leases.is_away = True
        raise StorageUnavailable("gone")

    await LeasedJob("sealing", cut_off, every_s=1, leases=leases).run()
    assert leases.told == [("ended", "gone")]
    assert guard.tally["jobs postponed"] == 2
    assert guard.tally["leases not ended"] == 1


def test_reports_tell_what_fails_and_what_does_not_run(db: Database) -> None:
    clock, shared = Clock(), Clock()
    leases = JobLeaseRows(db, owner="one")
    own = [
        JobRecord(name="settings", begun_ms=NOW_MS, problem="no good"),
        JobRecord(name="recovery", begun_ms=NOW_MS, succeeded_ms=NOW_MS),
    ]
    every_s = {"sealing": 60, "settings": 2, "recovery": 5}
    reports = JobReports(leases, every_s=every_s, own=lambda: own, clock=clock, shared_clock=shared)
    found = {report.record.name: report for report in reports.look()}
    assert list(found) == ["recovery", "sealing", "settings"]
    assert [report.is_shared for report in found.values()] == [False, True, False]
    assert [report.complaint for report in found.values()] == [
        None,
        None,
        "the job settings fails: no good",
    ]
    clock.at_ms += 3 * 5_000 + 60_001
    assert [report.complaint for report in reports.look()][:2] == [
        "the job recovery does not run",
        None,
    ]
    clock.at_ms += 3 * 60_000
    assert reports.look()[1].complaint == "the job sealing does not run"

    leases.begin("sealing", every_ms=60_000)
    shared.at_ms = DatabaseClock(db).now_ms()
    assert reports.look()[1].complaint is None, "by the clock that the leases have"
    shared.at_ms += 3 * 60_000 + 60_000 + 60_000
    assert reports.look()[1].complaint == "the job sealing does not run"
