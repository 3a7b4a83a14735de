"""The regular check: what differs is put right, what is left over goes, what is foreign stays."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import KeyState
from mai_usage_ext.services.key_check import LEFT_BEHIND_MS, KeyFinding, KeyReport
from mai_usage_ext.services.key_making import RETIRE_AFTER_MS
from mai_usage_ext.simulator.auth import ApiKey
from mai_usage_ext.storage.vault import KeyRing
from tests.services.key_rig import ADMIN, PICO, KeyRig, add_remote, broken_line, until_cancelled


def kinds(report: KeyReport) -> list[str]:
    return [finding.kind for finding in report.findings]


async def provisioned(rig: KeyRig, name: str = "acme") -> tuple[str, ApiKey]:
    organization = rig.organization(name)
    record = await rig.keys.provision(organization, actor=ADMIN)
    return organization, next(key for key in rig.remote() if key.hash == record.key.hash)


async def test_nothing_to_do_without_a_management_key(rig: KeyRig) -> None:
    await provisioned(rig)
    rig.management_key = None
    rig.management.calls.clear()
    assert rig.check.last_report() is None
    report = await rig.check.run_once()
    assert (report.was_run, report.problem, rig.management.calls) == (False, None, [])
    assert rig.check.last_report() is report


async def test_all_is_well(rig: KeyRig) -> None:
    acme, _ = await provisioned(rig)
    rig.organization("without")
    rig.management.calls.clear()
    rig.clock.at_ms += 5
    report = await rig.check.run_once()
    assert (report.was_run, report.checked, report.problem) == (True, 1, None)
    assert (report.findings, report.unknown) == ((), ())
    assert set(rig.management.calls) == {"keys"}
    assert rig.facts(acme).key.checked_at_ms == rig.clock.at_ms
    assert rig.actions() == ["key.provisioned"]


@pytest.mark.parametrize(
    ("field", "value", "sound"),
    [
        ("limit", None, Decimal(100)),
        ("limit", Decimal("99.5"), Decimal(100)),
        ("limit_reset", "daily", "monthly"),
        ("limit_reset", None, "monthly"),
        ("disabled", True, False),
        ("include_byok_in_limit", False, True),
    ],
)
async def test_what_somebody_changed_is_put_back(
    rig: KeyRig, field: str, value: object, sound: object
) -> None:
    acme, key = await provisioned(rig)
    setattr(key, field, value)
    report = await rig.check.run_once()
    assert getattr(key, field) == sound
    assert [(finding.kind, finding.detail) for finding in report.findings] == [("repaired", field)]
    assert rig.actions() == ["key.provisioned", "key.repaired"]
    assert rig.facts(acme).key.problem is None
    assert kinds(await rig.check.run_once()) == []


async def test_a_name_that_somebody_changed(rig: KeyRig) -> None:
    _, key = await provisioned(rig)
    key.name = "mine!"
    await rig.check.run_once()
    assert key.name == f"mai-usage/acme/id-acme/{key.hash[:8]}"


async def test_a_limit_in_digits_that_a_double_has_not(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    rig.set(acme, monthly_limit_pusd=100 * PICO)
    await rig.check.run_once()
    assert key.limit == Decimal("76.923077")
    key.limit = Decimal("76.92307700000001")
    assert kinds(await rig.check.run_once()) == []


async def test_an_organization_that_was_deactivated(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    rig.set(acme, status="deactivated")
    await rig.check.run_once()
    assert key.disabled
    rig.set(acme, status="active")
    await rig.check.run_once()
    assert not key.disabled


async def test_a_change_while_the_check_runs_is_not_undone(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    key.disabled = True

    async def raise_the_limit() -> None:
        # The check has read the list, and reads the rows next; this comes in after both.
        everything = rig.store.all_facts()
        rig.set(acme, monthly_limit_pusd=26 * PICO)
        rig.store.all_facts = lambda: everything  # type: ignore[method-assign]

    rig.management.after["keys"] = raise_the_limit
    await rig.check.run_once()
    assert (key.limit, key.disabled) == (Decimal(20), False)


async def test_a_key_that_is_gone(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    rig.changed.clear()
    rig.simulator.service.keys.remove(key)
    report = await rig.check.run_once()
    assert kinds(report) == ["lost"]
    found = rig.facts(acme).key
    assert found.state is KeyState.LOST
    assert "does not know this key" in (found.problem or "")
    assert rig.actions() == ["key.provisioned", "key.lost"]
    assert rig.changed == [acme]
    assert kinds(await rig.check.run_once()) == []
    assert rig.facts(acme).key.problem == found.problem
    await rig.keys.sync(acme)
    assert rig.facts(acme).key.problem == found.problem
    assert rig.actions() == ["key.provisioned", "key.lost"]
    assert tally["keys found lost"] == 1


async def test_a_management_key_of_another_account_stops_nobody(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    ring: Any = rig.simulator.service.keys
    ring.by_hash = lambda _: None
    ring.inference_keys = list
    report = await rig.check.run_once()
    assert kinds(report) == ["elsewhere"]
    assert rig.facts(acme).key.state is KeyState.ACTIVE
    assert "not in the account" in (rig.facts(acme).key.problem or "")
    assert not key.disabled


async def test_a_key_that_comes_back(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    rig.simulator.service.keys.remove(key)
    await rig.check.run_once()
    rig.simulator.service.keys.add(key)
    assert kinds(await rig.check.run_once()) == ["found"]
    assert rig.facts(acme).key.state is KeyState.ACTIVE


async def test_what_a_dead_maker_left_is_deleted(rig: KeyRig) -> None:
    acme = rig.organization()
    started = asyncio.Event()
    rig.management.after["create"] = lambda: until_cancelled(started)
    task = asyncio.create_task(rig.keys.provision(acme, actor=ADMIN))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kinds(await rig.check.run_once()) == [], "its maker may still be at it"
    assert len(rig.remote()) == 1
    rig.clock.at_ms += LEFT_BEHIND_MS
    report = await rig.check.run_once()
    assert kinds(report) == ["leftover"]
    assert rig.remote() == []
    key = rig.facts(acme).key
    assert (key.state, key.pending_name) == (KeyState.NONE, None)
    assert rig.actions() == ["key.leftover_deleted"]
    assert (await rig.keys.provision(acme, actor=ADMIN)).key.state is KeyState.ACTIVE


async def test_a_claim_that_left_nothing(rig: KeyRig) -> None:
    acme = rig.organization()
    rig.simulator.switch(management_status=500, endpoint="/keys", times=1)
    with pytest.raises(UpstreamError):
        await rig.keys.provision(acme, actor=ADMIN)
    rig.clock.at_ms += LEFT_BEHIND_MS
    assert kinds(await rig.check.run_once()) == []
    assert rig.facts(acme).key.pending_name is None


async def test_a_key_that_appears_after_its_attempt_was_given_up(rig: KeyRig) -> None:
    acme = rig.organization()
    rig.simulator.switch(management_status=500, endpoint="/keys", times=1)
    with pytest.raises(UpstreamError):
        await rig.keys.provision(acme, actor=ADMIN)
    name = rig.facts(acme).key.pending_name
    assert name is not None
    record = await rig.keys.provision(acme, actor=ADMIN)
    add_remote(rig, name)
    assert kinds(await rig.check.run_once()) == ["leftover"]
    assert [key.hash for key in rig.remote()] == [record.key.hash]


async def test_a_leftover_that_cannot_be_deleted_yet(rig: KeyRig) -> None:
    acme = rig.organization()
    rig.management.after["create"] = broken_line
    with pytest.raises(UpstreamError):
        await rig.keys.provision(acme, actor=ADMIN)
    rig.clock.at_ms += LEFT_BEHIND_MS
    rig.management.after["keys"] = lambda: _switch(rig, 503)
    report = await rig.check.run_once()
    assert kinds(report) == ["failed"]
    assert "in trouble" in (report.problem or "")
    assert rig.facts(acme).key.pending_name is not None
    await _switch(rig, None)
    assert kinds(await rig.check.run_once()) == ["leftover"]
    assert rig.remote() == []


async def _switch(rig: KeyRig, status: int | None) -> None:
    rig.simulator.switch(management_status=status)


async def test_a_replaced_key_goes_when_its_time_is_over(rig: KeyRig) -> None:
    acme, old = await provisioned(rig)
    record = await rig.keys.rotate(acme, actor=ADMIN)
    assert kinds(await rig.check.run_once()) == []
    rig.clock.at_ms += RETIRE_AFTER_MS
    assert kinds(await rig.check.run_once()) == ["retired"]
    assert [key.hash for key in rig.remote()] == [record.key.hash]
    assert old.disabled, "switched off before it was deleted"
    assert rig.facts(acme).key.retiring_hash is None
    assert rig.actions()[-1] == "key.retired"


async def test_keys_of_others_are_reported_and_left(rig: KeyRig) -> None:
    await provisioned(rig)
    foreign = add_remote(rig, "mai-usage/elsewhere/someone/0123abcd")
    add_remote(rig, "an admin's own")
    report = await rig.check.run_once()
    assert [(key.hash, key.name) for key in report.unknown] == [(foreign.hash, foreign.name)]
    assert report.unknown[0].label == foreign.label
    assert len(rig.remote()) == 3
    assert not foreign.disabled


async def test_a_key_that_cannot_be_opened_is_reported(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    key.limit = None
    later = KeyRig(rig.db, rig.simulator, vault=KeyRing(["another key to seal with"]))
    report = await later.check.run_once()
    assert kinds(report) == ["repaired", "unreadable"]
    assert key.limit == Decimal(100), "its limit is kept up all the same"
    assert "cannot be opened" in (later.facts(acme).key.problem or "")
    rig.simulator.service.keys.remove(key)
    assert kinds(await later.check.run_once()) == ["missing"]
    assert later.facts(acme).stored_state is KeyState.ACTIVE


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_openrouter_in_trouble(rig: KeyRig, status: int) -> None:
    acme, key = await provisioned(rig)
    key.limit = None
    rig.simulator.switch(management_status=status)
    report = await rig.check.run_once()
    assert str(status) in (report.problem or "")
    assert (report.was_run, report.checked) == (True, 0)
    assert rig.facts(acme).key.state is KeyState.ACTIVE
    rig.simulator.switch(management_status=None)
    assert kinds(await rig.check.run_once()) == ["repaired"]


async def test_trouble_on_the_way_ends_the_run(rig: KeyRig) -> None:
    for name in ("acme", "other"):
        _, key = await provisioned(rig, name)
        key.limit = None
    rig.management.after["keys"] = lambda: _switch(rig, 503)
    report = await rig.check.run_once()
    assert kinds(report) == ["failed"]
    assert (report.checked, report.problem) == (1, report.findings[0].detail)
    await _switch(rig, None)
    assert kinds(await rig.check.run_once()) == ["repaired", "repaired"]


async def test_two_processes_at_once(rig: KeyRig) -> None:
    acme, old = await provisioned(rig)
    record = await rig.keys.rotate(acme, actor=ADMIN)
    rig.clock.at_ms += RETIRE_AFTER_MS
    other, _ = await provisioned(rig, "other")
    rig.set(other, monthly_limit_pusd=13 * PICO)
    reports = await asyncio.gather(*(each.check.run_once() for each in (rig, rig.another())))
    assert [report.problem for report in reports] == [None, None]
    assert [report.unknown for report in reports] == [(), ()]
    assert old.hash not in {key.hash for key in rig.remote()}
    assert rig.facts(acme).key.hash == record.key.hash
    assert rig.facts(other).key.problem is None
    assert rig.actions().count("key.retired") == 1


async def test_more_keys_than_a_page(rig: KeyRig) -> None:
    acme, key = await provisioned(rig)
    for number in range(205):
        add_remote(rig, f"an admin's {number}")
    key.limit = None
    assert kinds(await rig.check.run_once()) == ["repaired"]
    assert rig.facts(acme).key.state is KeyState.ACTIVE


async def test_ahead_of_utc_there_is_room_for_the_new_month_in_time(rig: KeyRig) -> None:
    """On Kiritimati July begins at ten in the morning of 30 June UTC."""
    acme, key = await provisioned(rig)
    rig.set(acme, timezone="Pacific/Kiritimati")
    july = int(datetime(2026, 6, 30, 10, tzinfo=UTC).timestamp() * 1000)
    reset = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000)
    minute = 60_000
    for at_ms, limit in [
        (july - 60 * minute, 100),
        (july - 5 * minute, 200),
        (july + 5 * minute, 200),
        (reset - 5 * minute, 200),
        (reset + 5 * minute, 100),
    ]:
        rig.clock.at_ms = at_ms
        await rig.check.run_once()
        assert key.limit == Decimal(limit), datetime.fromtimestamp(at_ms / 1000, UTC)


async def test_behind_utc_the_old_month_goes_on_in_the_new_window(rig: KeyRig) -> None:
    """In New York June ends at four in the morning of 1 July UTC."""
    acme, key = await provisioned(rig)
    rig.set(acme, timezone="America/New_York")
    reset = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000)
    minute = 60_000
    rig.book(acme, at_ms=reset + minute, day=date(2026, 6, 30), raw_pusd=7 * PICO)
    for at_ms, limit in [
        (reset - 60 * minute, 100),
        (reset + 5 * minute, 200),
        (reset + 235 * minute, 200),
        (reset + 245 * minute, 107),
        (reset + 20 * 24 * 60 * minute, 107),
    ]:
        rig.clock.at_ms = at_ms
        await rig.check.run_once()
        assert key.limit == Decimal(limit), datetime.fromtimestamp(at_ms / 1000, UTC)


def test_what_somebody_has_to_do_something_about() -> None:
    def report(*kinds: str, problem: str | None = None) -> KeyReport:
        findings = [
            KeyFinding(organization_id=f"id-{kind}", kind=kind, detail="") for kind in kinds
        ]
        return KeyReport(at_ms=1, was_run=True, findings=findings, problem=problem)

    assert report().trouble is None
    assert report("repaired", "retired", "leftover", "found").trouble is None
    trouble = report("repaired", "lost", "unreadable").trouble
    assert trouble == "keys need attention in the organizations id-lost, id-unreadable"
    assert "OpenRouter is away" in str(report(problem="OpenRouter is away").trouble)
