"""When a day is sealed: after its organization's midnight and the grace, wherever that is."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from peewee import Database

from mai_usage_ext import guard
from mai_usage_ext.errors import StorageError, StorageUnavailable
from mai_usage_ext.metering.days import day_bounds_ms
from mai_usage_ext.ports import LiveDay
from mai_usage_ext.services.sealing import Sealing
from mai_usage_ext.storage.changes import Settle
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction, write
from tests.services.office import Clock
from tests.storage.daily import expected_rows, live_days, sealed_rows
from tests.storage.samples import make_entry, make_hold, make_organization

MINUTE_MS = 60_000
GRACE_MS = 30 * MINUTE_MS


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@dataclass
class Store:
    """Live days in memory; ``broken`` organizations cannot be sealed."""

    live: list[LiveDay] = field(default_factory=list)
    sealed: list[tuple[str, date]] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)

    def oldest_live_days(self) -> list[LiveDay]:
        days = sorted(self.live, key=lambda one: (one.day, one.organization_id))
        return list({one.organization_id: one for one in reversed(days)}.values())[::-1]

    def seal(self, organization_id: str, day: date, *, now_ms: int) -> bool:
        if organization_id in self.broken:
            raise self.broken[organization_id]
        [found] = [
            one for one in self.live if (one.organization_id, one.day) == (organization_id, day)
        ]
        self.live.remove(found)
        self.sealed.append((organization_id, day))
        return True


def run(store: object, clock: Clock) -> int:
    sealing = Sealing(store, grace_ms=GRACE_MS, clock=clock, pause_s=0)  # type: ignore[arg-type]
    return asyncio.run(sealing.run_once())


@pytest.mark.parametrize(
    ("day", "zone", "midnight"),
    [
        ("2026-01-20", "UTC", "2026-01-21T00:00:00"),
        ("2026-01-20", "Etc/GMT+12", "2026-01-21T12:00:00"),
        ("2026-01-20", "Pacific/Kiritimati", "2026-01-20T10:00:00"),
        ("2026-01-20", "Asia/Kolkata", "2026-01-20T18:30:00"),
        ("2026-01-20", "Asia/Kathmandu", "2026-01-20T18:15:00"),
        ("2026-03-29", "Europe/Warsaw", "2026-03-29T22:00:00"),
        ("2026-10-25", "Europe/Warsaw", "2026-10-25T23:00:00"),
        ("2026-04-05", "Australia/Lord_Howe", "2026-04-05T13:30:00"),
        ("2026-10-04", "Australia/Lord_Howe", "2026-10-04T13:00:00"),
        ("2018-11-03", "America/Sao_Paulo", "2018-11-04T03:00:00"),
        ("2011-12-29", "Pacific/Apia", "2011-12-30T10:00:00"),
        ("2028-02-29", "America/New_York", "2028-03-01T05:00:00"),
        ("2026-12-31", "Asia/Tokyo", "2026-12-31T15:00:00"),
    ],
)
def test_a_day_is_sealed_when_it_is_over_and_not_before(day: str, zone: str, midnight: str) -> None:
    clock, at = Clock(), date.fromisoformat(day)
    live = LiveDay(organization_id="acme", day=at, time_zone=zone)
    store = Store([live])
    assert day_bounds_ms(at, zone)[1] == ms(midnight)
    clock.at_ms = ms(midnight) + GRACE_MS - 1
    assert run(store, clock) == 0
    clock.at_ms += 1
    assert run(store, clock) == 1
    assert store.sealed == [("acme", at)]


@pytest.mark.parametrize(
    ("day", "old", "new", "changes", "sealed"),
    [
        # Tokyo's day is long over when the zone changes: the grace counts from the change.
        ("2026-01-20", "UTC", "Asia/Tokyo", "2026-01-21T00:00:00", "2026-01-21T00:30:00"),
        # Twelve hours west the day before comes back, so both stay open.
        ("2026-01-20", "UTC", "Etc/GMT+12", "2026-01-21T00:00:00", "2026-01-21T12:30:00"),
        ("2026-01-19", "UTC", "Etc/GMT+12", "2026-01-20T00:00:00", "2026-01-20T12:30:00"),
        (
            "2026-01-19",
            "Pacific/Kiritimati",
            "Etc/GMT+12",
            "2026-01-20T10:00:00",
            "2026-01-20T12:30:00",
        ),
    ],
)
def test_a_planned_change_of_zone(day: str, old: str, new: str, changes: str, sealed: str) -> None:
    clock, at = Clock(), date.fromisoformat(day)
    store = Store(
        [
            LiveDay(
                organization_id="acme",
                day=at,
                time_zone=old,
                next_time_zone=new,
                next_from_ms=ms(changes),
            )
        ]
    )
    clock.at_ms = ms(sealed) - 1
    assert run(store, clock) == 0
    clock.at_ms += 1
    assert run(store, clock) == 1


def test_missed_days_are_caught_up_oldest_first_and_the_present_one_stays() -> None:
    clock, first = Clock(), date(2026, 1, 30)
    names = ("acme", "zeta")
    store = Store(
        [
            LiveDay(organization_id=name, day=first + timedelta(days=after), time_zone="UTC")
            for name in names
            for after in range(4)
        ]
    )
    clock.at_ms = ms("2026-02-02T12:00:00")
    assert run(store, clock) == 6
    assert store.sealed == [
        (name, first + timedelta(days=after)) for after in range(3) for name in names
    ]
    assert {one.day for one in store.live} == {date(2026, 2, 2)}
    assert guard.tally["days sealed"] == 6
    clock.at_ms = ms("2026-01-01T00:00:00")
    assert run(store, clock) == 0, "a clock that jumps back seals nothing"


def test_others_get_their_turn_after_each_day() -> None:
    """On SQLite nobody else would get the write lock while a long time is caught up."""
    instants: list[float] = []

    class Timed(Store):
        def seal(self, organization_id: str, day: date, *, now_ms: int) -> bool:
            instants.append(time.monotonic())
            return super().seal(organization_id, day, now_ms=now_ms)

    names, day = ("acme", "beta", "zeta"), date(2026, 1, 18)
    store = Timed([LiveDay(organization_id=name, day=day, time_zone="UTC") for name in names])
    store.broken["beta"] = ValueError("corrupted")
    with pytest.raises(StorageError):
        asyncio.run(Sealing(store, grace_ms=GRACE_MS, clock=Clock(), pause_s=0.02).run_once())
    assert all(later - earlier >= 0.02 for earlier, later in pairwise(instants))
    assert len(instants) == 3


def test_a_day_that_cannot_be_sealed_holds_up_its_own_organization_only() -> None:
    clock, day = Clock(), date(2026, 1, 18)
    acme = LiveDay(organization_id="acme", day=day, time_zone="UTC")
    store = Store([acme, replace(acme, organization_id="zeta")])
    store.broken["acme"] = ValueError("corrupted")
    with pytest.raises(StorageError, match=r"of 1 organizations .* of acme: corrupted"):
        run(store, clock)
    assert store.sealed == [("zeta", day)]
    store.broken["acme"] = StorageUnavailable("took too long")
    with pytest.raises(StorageUnavailable, match=r"of 1 organizations .* of acme: took too long"):
        run(store, clock)


def test_one_that_takes_too_long_holds_up_nobody_and_two_are_a_database_that_is_away() -> None:
    clock, day = Clock(), date(2026, 1, 18)
    names = ("acme", "beta", "zeta")
    store = Store([LiveDay(organization_id=name, day=day, time_zone="UTC") for name in names])
    away = StorageUnavailable("locked")
    store.broken = {"acme": away, "beta": away}
    with pytest.raises(StorageUnavailable, match=r"^locked$"):
        run(store, clock)
    assert store.sealed == []
    store.broken = {"acme": away, "zeta": away}
    with pytest.raises(StorageUnavailable, match="of 2 organizations"):
        run(store, clock)
    assert store.sealed == [("beta", day)]
    store.live.append(LiveDay(organization_id="beta", day=day, time_zone="UTC"))
    store.broken = {"acme": away, "beta": ValueError("corrupted"), "zeta": away}
    with pytest.raises(StorageError, match="of 3 organizations") as caught:
        run(store, clock)
    assert not isinstance(caught.value, StorageUnavailable)


def test_a_month_end_in_two_zones_on_a_real_database(db: Database) -> None:
    clock = Clock()
    kolkata, honolulu = make_organization(db, "Kolkata"), make_organization(db, "Honolulu")
    commit = GroupCommit(db)
    for owner, zone in ((kolkata, "Asia/Kolkata"), (honolulu, "Pacific/Honolulu")):
        with transaction(db):
            at_home = ClientOrganization.update(timezone=zone)
            write(db, at_home.where(ClientOrganization.id == owner))
        for day in (date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1)):
            hold = make_hold(owner, day=day, month=f"{day:%Y-%m}")
            commit.commit([Settle(hold, make_entry(hold))], now_ms=1)
    clock.at_ms = ms("2028-02-29T19:00:00")
    assert run(SealRows(db), clock) == 3
    assert live_days(db) == {
        (kolkata, date(2028, 3, 1)),
        (honolulu, date(2028, 2, 29)),
        (honolulu, date(2028, 3, 1)),
    }
    clock.at_ms = ms("2028-03-02T10:30:00")
    assert run(SealRows(db), clock) == 3
    assert live_days(db) == set()
    assert sealed_rows(db) == expected_rows(db, set(sealed_rows(db).days))


ZONES = (
    "UTC", "Etc/GMT+12", "Pacific/Kiritimati", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Warsaw",
    "Australia/Lord_Howe", "America/New_York", "Pacific/Chatham",
)  # fmt: skip


def test_a_week_that_nobody_was_there_for_is_caught_up_by_two_leaders_at_once(
    db: Database,
) -> None:
    """The week before clocks change in Europe and after it, in zones of every kind."""
    clock, first = Clock(), date(2028, 3, 22)
    clock.at_ms = ms("2028-03-28T11:45:00")
    days = [first + timedelta(days=after) for after in range(8)]
    zones = {make_organization(db, name): name for name in ZONES}
    moving = make_organization(db, "Moving west")
    zones[moving] = "Pacific/Kiritimati"
    changes = []
    for owner, name in zones.items():
        with transaction(db):
            at_home = ClientOrganization.update(timezone=name)
            write(db, at_home.where(ClientOrganization.id == owner))
        holds = [make_hold(owner, day=day, month=f"{day:%Y-%m}") for day in days]
        changes += [Settle(hold, make_entry(hold)) for hold in holds]
    with transaction(db):
        plan = ClientOrganization.update(
            next_timezone="Etc/GMT+12", next_timezone_from_ms=ms("2028-03-28T10:00:00")
        )
        write(db, plan.where(ClientOrganization.id == moving))
    assert all(GroupCommit(db).commit(changes, now_ms=1))

    # Its change has brought the 27th and the 28th back.
    ends = zones | {moving: "Etc/GMT+12"}
    due = {
        (owner, day)
        for owner, name in ends.items()
        for day in days
        if day_bounds_ms(day, name)[1] + GRACE_MS <= clock.at_ms
    }
    sealings = [Sealing(SealRows(db), grace_ms=GRACE_MS, clock=clock, pause_s=0) for _ in range(2)]

    async def both() -> list[int]:
        return await asyncio.gather(*(sealing.run_once() for sealing in sealings))

    assert sum(asyncio.run(both())) == len(due)
    assert set(sealed_rows(db).days) == due
    assert sealed_rows(db) == expected_rows(db, due)
    assert live_days(db) == {(owner, day) for owner in zones for day in days} - due
    assert run(SealRows(db), clock) == 0, "there is nothing left to do"
