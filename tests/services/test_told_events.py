"""What sealing, keys and reconciliation tell of, in the transaction that made it true."""

from dataclasses import replace
from unittest import mock

import pytest
from peewee import Database

from mai_usage_ext.errors import StorageError
from mai_usage_ext.ports.events import EventKind, UsageEvent
from mai_usage_ext.ports.reconciliation import Figures, Finding, ReconciliationRecord
from mai_usage_ext.services.gaps import Gaps
from mai_usage_ext.services.key_making import RETIRE_AFTER_MS
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.vault import KeyRing
from tests.services.key_rig import ADMIN, KeyRig
from tests.storage.daily import NOW_MS, book, entry_on, sealed_rows
from tests.storage.samples import DAY, make_organization


def told(db: Database) -> list[UsageEvent]:
    return list(EventRows(db).after(0, limit=100))


def kinds(db: Database) -> list[EventKind]:
    return [event.kind for event in told(db)]


def test_a_sealed_day(db: Database) -> None:
    acme = make_organization(db)
    book(
        db,
        entry_on(acme, DAY),
        entry_on(acme, DAY, purpose="title", user_id="bob", generation_id="gen-x"),
    )
    SealRows(db).seal(acme, DAY, now_ms=NOW_MS)
    [event] = told(db)
    assert (event.kind, event.organization_id, event.at_ms) == (EventKind.DAY_SEALED, acme, NOW_MS)
    [row] = sealed_rows(db).days.values()
    data = dict(event.data)
    assert [data.pop(name) for name in ("client_id", "day", "version", "is_reseal")] == [
        acme,
        DAY.isoformat(),
        NOW_MS,
        False,
    ]
    assert data == {
        "requests": 2,
        "failures": 0,
        "cancelled": 0,
        "prompt_tokens": row[3],
        "completion_tokens": row[4],
        "cached_tokens": row[5],
        "reasoning_tokens": row[6],
        "task_requests": 1,
        "distinct_users": 2,
        "distinct_models": 1,
        "cost": "0.000850096002",
        "task_cost": "0.000425048001",
        "currency": "USD",
    }


def test_a_day_that_is_sealed_again_is_told_again(db: Database) -> None:
    acme = make_organization(db)
    book(db, entry_on(acme, DAY))
    seals = SealRows(db)
    seals.seal(acme, DAY, now_ms=NOW_MS)
    seals.seal(acme, DAY, now_ms=NOW_MS + 1)
    # The writer adds it to the sealed rows; to this one it was sealed in the future.
    book(db, entry_on(acme, DAY, user_id="bob"))
    book(db, entry_on(acme, DAY, user_id="cleo"))
    with mock.patch("mai_usage_ext.storage.groups.sealed_through", return_value={}):
        book(db, entry_on(acme, DAY, user_id="dan"))
    seals.seal(acme, DAY, now_ms=NOW_MS + 9)
    first, *rest = [event.data for event in told(db)]
    versions = [data["version"] for data in (first, *rest)]
    assert versions == sorted(set(versions))
    assert (first["is_reseal"], first["requests"]) == (False, 1)
    assert [(data["is_reseal"], data["requests"]) for data in rest] == [
        (True, 2),
        (True, 3),
        (True, 4),
    ]


def test_a_day_that_could_not_be_sealed_is_not_told(db: Database) -> None:
    acme = make_organization(db)
    book(db, entry_on(acme, DAY))
    with (
        mock.patch("mai_usage_ext.storage.sealing.write", side_effect=StorageError("cut off")),
        pytest.raises(StorageError),
    ):
        SealRows(db).seal(acme, DAY, now_ms=NOW_MS)
    assert told(db) == []


async def test_a_keys_life(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    first = rig.facts(acme).key
    await rig.keys.rotate(acme, actor=ADMIN)
    second = rig.facts(acme).key
    await rig.keys.disable(acme, actor=ADMIN)
    await rig.keys.enable(acme, actor=ADMIN)
    rig.clock.at_ms += 1
    await rig.keys.disable(acme, actor=ADMIN)
    events = told(rig.db)
    assert [event.kind for event in events] == [
        EventKind.KEY_CREATED,
        EventKind.KEY_ROTATED,
        EventKind.KEY_DISABLED,
        EventKind.KEY_DISABLED,
    ]
    assert {event.organization_id for event in events} == {acme}
    for event, key in zip(events, (first, second, second, second), strict=True):
        assert event.data == {
            "client_id": acme,
            "key_hash": (key.hash or "")[:12],
            "key_label": key.label,
        }
    assert not [secret for secret in rig.management.secrets if secret in str(events)]


async def test_a_key_in_trouble_is_told_once_until_it_is_well(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    rig.clock.at_ms += RETIRE_AFTER_MS
    later = KeyRig(rig.db, rig.simulator, vault=KeyRing(["another key"]), clock=rig.clock)
    for _ in range(3):
        await later.check.run_once()
    _, event = told(rig.db)
    assert (event.kind, event.data["trouble"]) == (EventKind.KEY_TROUBLE, "unreadable")
    assert event.data["problem"] == later.facts(acme).key.problem
    await rig.check.run_once()
    rig.clock.at_ms += 1
    await later.check.run_once()
    assert kinds(rig.db)[1:] == [EventKind.KEY_TROUBLE] * 2


async def test_two_processes_tell_of_the_same_trouble_once(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    for _ in range(2):
        rig.clock.at_ms += 1
        # Both read the row before either wrote down what it found.
        other = KeyRig(rig.db, rig.simulator, vault=KeyRing(["another key"]), clock=rig.clock)
        other.store.set_checked = lambda *_, **__: None  # type: ignore[method-assign]
        await other.check.run_once()
    assert kinds(rig.db) == [EventKind.KEY_CREATED, EventKind.KEY_TROUBLE]


async def test_a_key_that_is_gone_is_told_once(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    rig.simulator.service.keys.remove(rig.remote()[0])
    for _ in range(2):
        rig.clock.at_ms += 1
        await rig.check.run_once()
    _, event = told(rig.db)
    assert (event.kind, event.data["trouble"]) == (EventKind.KEY_TROUBLE, "lost")


LINE = ReconciliationRecord(
    day=DAY,
    key_hash="ab" * 32,
    organization_id="acme",
    finding=Finding.ADJUSTED,
    reason="OpenRouter showed more than was booked; the rest was booked",
    is_below=True,
    captured=Figures(requests=1, raw_pusd=1),
    adjusted_pusd=2_000_000_000_000,
    provider=Figures(requests=2, raw_pusd=2_000_000_000_001),
    checked_at_ms=NOW_MS,
)


def gaps(db: Database) -> Gaps:
    rows = ReconciliationRows(db)
    return Gaps(rows, EventRows(db), unit_of_work=lambda: transaction(db))


def test_a_gap_is_told_once_and_to_the_reseller_alone(db: Database) -> None:
    acme = make_organization(db)
    for _ in range(2):
        gaps(db).keep(replace(LINE, organization_id=acme))
    [event] = told(db)
    assert (event.kind, event.organization_id) == (EventKind.RECONCILIATION_GAP, None)
    assert event.data == {
        "day": DAY.isoformat(),
        "key_hash": "abababababab",
        "client_id": acme,
        "finding": "adjusted",
        "is_below": True,
        "reason": LINE.reason,
        "captured_cost": "0.000000000001",
        "adjusted_cost": "2",
        "provider_cost": "2.000000000001",
        "captured_requests": 1,
        "provider_requests": 2,
    }


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"is_below": False}, False),
        ({"is_below": False, "finding": Finding.EXACT}, False),
        ({"finding": Finding.WAITING}, False),
        ({"is_below": False, "finding": Finding.UNEXPLAINED}, True),
        ({"finding": Finding.UNEXPLAINED}, True),
    ],
)
def test_what_is_a_gap(db: Database, changes: dict[str, object], is_told: bool) -> None:
    line = replace(LINE, organization_id=make_organization(db), **changes)  # type: ignore[arg-type]
    gaps(db).keep(line)
    assert bool(told(db)) == is_told


def test_a_line_that_could_not_be_stored_is_not_told(db: Database) -> None:
    with (
        mock.patch.object(ReconciliationRows, "alert", side_effect=StorageError("cut off")),
        pytest.raises(StorageError),
    ):
        gaps(db).keep(LINE)
    assert told(db) == []
