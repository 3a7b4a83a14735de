"""Provisioning and rotating, with OpenRouter well, ill and half-way."""

import asyncio
from decimal import Decimal

import pytest

from mai_usage_ext.errors import (
    ConfigurationError,
    Conflict,
    NotFound,
    UpstreamError,
    UsageError,
)
from mai_usage_ext.ports import KeyState, NoVault, OrganizationRecord
from mai_usage_ext.services.key_making import RETIRE_AFTER_MS, TAKE_OVER_MS
from mai_usage_ext.services.key_terms import is_ours
from mai_usage_ext.simulator.auth import new_secret
from tests.services.key_rig import ADMIN, KeyRig, add_remote, broken_line, until_cancelled

# Provisioning.


async def test_provisioning(rig: KeyRig) -> None:
    acme = rig.organization()
    record = await rig.keys.provision(acme, actor=ADMIN)
    [key] = rig.remote()
    assert record.key.state is KeyState.ACTIVE
    assert (record.key.hash, record.key.label) == (key.hash, key.label)
    assert (record.key.problem, record.key.pending_name) == (None, None)
    assert (key.limit, key.limit_reset, key.disabled) == (Decimal(100), "monthly", False)
    assert key.include_byok_in_limit
    assert is_ours(key.name)
    assert key.name.startswith("mai-usage/acme/id-acme/")
    assert rig.store.secret(acme) == key.secret
    assert rig.actions() == ["key.provisioned"]
    assert rig.changed == [acme]


async def test_an_organization_that_has_a_key(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    with pytest.raises(Conflict) as raised:
        await rig.keys.provision(acme, actor=ADMIN)
    assert raised.value.field == "key"
    assert len(rig.remote()) == 1


async def test_a_deactivated_organization(rig: KeyRig) -> None:
    acme = rig.organization(status="deactivated")
    for action in (rig.keys.provision, rig.keys.enable):
        with pytest.raises(Conflict):
            await action(acme, actor=ADMIN)
    with pytest.raises(Conflict):
        await rig.keys.adopt(acme, add_remote(rig).secret, actor=ADMIN)
    assert rig.facts(acme).key.state is KeyState.NONE


async def test_an_unknown_organization(rig: KeyRig) -> None:
    for action in (rig.keys.provision, rig.keys.rotate, rig.keys.disable, rig.keys.enable):
        with pytest.raises(NotFound):
            await action("nobody", actor=ADMIN)
    with pytest.raises(NotFound):
        await rig.keys.adopt("nobody", new_secret(), actor=ADMIN)
    with pytest.raises(NotFound):
        await rig.keys.sync("nobody")


async def test_without_a_management_key(rig: KeyRig) -> None:
    acme = rig.organization()
    rig.management_key = None
    with pytest.raises(ConfigurationError, match="OPENROUTER_PROVISIONING_KEY"):
        await rig.keys.provision(acme, actor=ADMIN)
    assert rig.facts(acme).key.pending_name is None


async def test_without_anything_to_seal_with_no_key_is_made(rig: KeyRig) -> None:
    acme = rig.organization()
    bare = KeyRig(rig.db, rig.simulator, vault=NoVault())
    with pytest.raises(ConfigurationError, match="MAI_USAGE_ENCRYPTION_KEYS"):
        await bare.keys.provision(acme, actor=ADMIN)
    with pytest.raises(ConfigurationError, match="MAI_USAGE_ENCRYPTION_KEYS"):
        await bare.keys.adopt(acme, add_remote(rig).secret, actor=ADMIN)
    assert len(rig.remote()) == 1
    assert rig.facts(acme).key.pending_name is None


@pytest.mark.parametrize("status", [401, 402, 403, 408, 429, 500, 503, "down"])
async def test_openrouter_in_trouble(rig: KeyRig, status: int | str) -> None:
    acme = rig.organization()
    port = rig.simulator.port
    if status == "down":
        await rig.simulator.stop()
    else:
        rig.simulator.switch(management_status=status)
    with pytest.raises(UpstreamError) as raised:
        await rig.keys.provision(acme, actor=ADMIN)
    key = rig.facts(acme).key
    assert (key.state, key.hash) == (KeyState.NONE, None)
    assert key.problem == str(raised.value)
    assert rig.actions() == []
    if status == "down":
        rig.simulator.port = port
        await rig.simulator.start()
    else:
        rig.simulator.switch(management_status=None)
    record = await rig.keys.provision(acme, actor=ADMIN)
    assert (record.key.state, record.key.problem) == (KeyState.ACTIVE, None)
    assert record.key.pending_name is None
    assert len(rig.remote()) == 1


async def test_a_slow_openrouter_that_made_the_key_all_the_same(rig: KeyRig) -> None:
    acme = rig.organization()
    rig.management.after["create"] = broken_line
    with pytest.raises(UpstreamError, match="did not answer"):
        await rig.keys.provision(acme, actor=ADMIN)
    [orphan] = rig.remote()
    assert rig.facts(acme).key.pending_name == orphan.name
    record = await rig.keys.provision(acme, actor=ADMIN)
    [key] = rig.remote()
    assert key.secret != orphan.secret
    assert record.key.hash == key.hash
    assert rig.actions() == ["key.leftover_deleted", "key.provisioned"]


async def test_killed_between_the_making_and_the_commit(rig: KeyRig) -> None:
    acme = rig.organization()
    started = asyncio.Event()
    rig.management.after["create"] = lambda: until_cancelled(started)
    task = asyncio.create_task(rig.keys.provision(acme, actor=ADMIN))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [orphan] = rig.remote()
    survivor = rig.another()
    with pytest.raises(Conflict, match="is being made"):
        await survivor.keys.provision(acme, actor=ADMIN)
    rig.clock.at_ms += TAKE_OVER_MS
    record = await survivor.keys.provision(acme, actor=ADMIN)
    [key] = rig.remote()
    assert orphan.hash != key.hash == record.key.hash
    assert rig.facts(acme).key.pending_name is None


async def test_the_cleaning_up_fails_too(rig: KeyRig) -> None:
    acme = rig.organization()
    rig.management.after["create"] = broken_line
    with pytest.raises(UpstreamError):
        await rig.keys.provision(acme, actor=ADMIN)
    rig.simulator.switch(management_status=503)
    for _ in range(3):
        with pytest.raises(UpstreamError, match="in trouble"):
            await rig.keys.provision(acme, actor=ADMIN)
    rig.simulator.switch(management_status=None)
    record = await rig.keys.provision(acme, actor=ADMIN)
    assert [key.hash for key in rig.remote()] == [record.key.hash]


async def test_the_database_fails_after_the_making(
    rig: KeyRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = rig.organization()

    def fail(*_args: object, **_options: object) -> None:
        raise UsageError("the disk is full")

    monkeypatch.setattr(rig.audit, "record", fail)
    with pytest.raises(UsageError, match="disk is full"):
        await rig.keys.provision(acme, actor=ADMIN)
    assert rig.remote() == [], "the key nobody could store is deleted"
    key = rig.facts(acme).key
    assert (key.state, key.pending_name) == (KeyState.NONE, None)


async def test_two_admins_at_once(rig: KeyRig) -> None:
    acme = rig.organization()
    rigs = [rig, *(rig.another() for _ in range(4))]
    outcomes = await asyncio.gather(
        *(each.keys.provision(acme, actor=ADMIN) for each in rigs), return_exceptions=True
    )
    made = [outcome for outcome in outcomes if isinstance(outcome, OrganizationRecord)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert (len(made), len(refused)) == (1, 4)
    assert [key.hash for key in rig.remote()] == [made[0].key.hash]
    assert rig.facts(acme).key.pending_name is None


async def test_a_maker_that_was_overtaken_deletes_its_own_key(rig: KeyRig) -> None:
    acme = rig.organization()
    other = rig.another()

    async def overtaken() -> None:
        rig.clock.at_ms += TAKE_OVER_MS
        await other.keys.provision(acme, actor=ADMIN)

    rig.management.after["create"] = overtaken
    with pytest.raises(Conflict, match="changed meanwhile"):
        await rig.keys.provision(acme, actor=ADMIN)
    assert [key.hash for key in rig.remote()] == [rig.facts(acme).key.hash]


async def test_deactivated_while_its_key_was_being_made(rig: KeyRig) -> None:
    acme = rig.organization()

    async def deactivate() -> None:
        rig.set(acme, status="deactivated")

    rig.management.after["create"] = deactivate
    with pytest.raises(Conflict, match="changed meanwhile"):
        await rig.keys.provision(acme, actor=ADMIN)
    assert rig.remote() == []
    assert rig.facts(acme).key.pending_name is None


# Rotating.


async def test_rotating_keeps_the_old_key_for_a_minute(rig: KeyRig) -> None:
    acme = rig.organization()
    first = await rig.keys.provision(acme, actor=ADMIN)
    second = await rig.keys.rotate(acme, actor=ADMIN)
    assert second.key.hash != first.key.hash
    assert second.key.retiring_hash == first.key.hash
    assert second.key.retire_at_ms == rig.clock.at_ms + RETIRE_AFTER_MS
    assert sorted(key.disabled for key in rig.remote()) == [False, False]
    assert len({key.name for key in rig.remote()}) == 2

    with pytest.raises(Conflict, match="a minute"):
        await rig.keys.rotate(acme, actor=ADMIN)
    rig.clock.at_ms += RETIRE_AFTER_MS
    third = await rig.keys.rotate(acme, actor=ADMIN)
    assert {key.hash for key in rig.remote()} == {second.key.hash, third.key.hash}
    assert third.key.retiring_hash == second.key.hash
    assert rig.actions() == ["key.provisioned", "key.rotated", "key.retired", "key.rotated"]


async def test_only_an_active_key_is_rotated(rig: KeyRig) -> None:
    acme = rig.organization()
    with pytest.raises(Conflict):
        await rig.keys.rotate(acme, actor=ADMIN)
    await rig.keys.provision(acme, actor=ADMIN)
    await rig.keys.disable(acme, actor=ADMIN)
    with pytest.raises(Conflict, match="disabled"):
        await rig.keys.rotate(acme, actor=ADMIN)


async def test_a_rotation_that_fails_leaves_the_old_key(rig: KeyRig) -> None:
    acme = rig.organization()
    first = await rig.keys.provision(acme, actor=ADMIN)
    rig.management.after["create"] = broken_line
    with pytest.raises(UpstreamError):
        await rig.keys.rotate(acme, actor=ADMIN)
    key = rig.facts(acme).key
    assert (key.state, key.hash, key.retiring_hash) == (KeyState.ACTIVE, first.key.hash, None)
    second = await rig.keys.rotate(acme, actor=ADMIN)
    assert {key.hash for key in rig.remote()} == {first.key.hash, second.key.hash}


async def test_a_replaced_key_that_cannot_be_deleted_is_not_lost(rig: KeyRig) -> None:
    acme = rig.organization()
    first = await rig.keys.provision(acme, actor=ADMIN)
    await rig.keys.rotate(acme, actor=ADMIN)
    rig.clock.at_ms += RETIRE_AFTER_MS
    rig.simulator.switch(management_status=500)
    with pytest.raises(UpstreamError):
        await rig.keys.rotate(acme, actor=ADMIN)
    assert rig.facts(acme).key.retiring_hash == first.key.hash
    assert rig.facts(acme).key.pending_name is None


async def test_disabled_while_it_was_being_rotated(rig: KeyRig) -> None:
    acme = rig.organization()
    first = await rig.keys.provision(acme, actor=ADMIN)
    other = rig.another()

    async def disable() -> None:
        await other.keys.disable(acme, actor=ADMIN)

    rig.management.after["create"] = disable
    with pytest.raises(Conflict, match="changed meanwhile"):
        await rig.keys.rotate(acme, actor=ADMIN)
    assert rig.facts(acme).key.state is KeyState.DISABLED
    assert [(key.hash, key.disabled) for key in rig.remote()] == [(first.key.hash, True)]
