"""Switching off and on, adopting, pushing what changed; and that no secret is seen anywhere."""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.errors import (
    BadInput,
    Conflict,
    UpstreamError,
    UsageError,
)
from mai_usage_ext.ports import KeyState
from mai_usage_ext.services.key_making import RETIRE_AFTER_MS
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.storage.vault import KeyRing
from tests.services.key_rig import ADMIN, PICO, VAULT, KeyRig, add_remote, broken_line

# Switching off and on.


async def test_off_and_on(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    [key] = rig.remote()
    record = await rig.keys.disable(acme, actor=ADMIN)
    assert (record.key.state, record.key.problem) == (KeyState.DISABLED, None)
    assert key.disabled
    assert (await rig.keys.disable(acme, actor=ADMIN)).key.state is KeyState.DISABLED
    rig.set(acme, monthly_limit_pusd=13 * PICO)
    record = await rig.keys.enable(acme, actor=ADMIN)
    assert record.key.state is KeyState.ACTIVE
    assert (key.disabled, key.limit) == (False, Decimal(10))
    assert (await rig.keys.enable(acme, actor=ADMIN)).key.state is KeyState.ACTIVE
    assert [action for action in rig.actions() if action != "key.synced"] == [
        "key.provisioned",
        "key.disabled",
        "key.enabled",
    ]


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_switched_off_here_though_openrouter_is_down(rig: KeyRig, status: int) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    rig.simulator.switch(management_status=status)
    record = await rig.keys.disable(acme, actor=ADMIN)
    assert record.key.state is KeyState.DISABLED
    assert record.key.problem is not None
    assert str(status) in record.key.problem
    assert not rig.remote()[0].disabled
    rig.simulator.switch(management_status=None)
    await rig.check.run_once()
    assert rig.remote()[0].disabled
    assert rig.facts(acme).key.problem is None


async def test_switching_on_waits_for_openrouter(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    await rig.keys.disable(acme, actor=ADMIN)
    rig.simulator.switch(management_status=503)
    with pytest.raises(UpstreamError):
        await rig.keys.enable(acme, actor=ADMIN)
    key = rig.facts(acme).key
    assert key.state is KeyState.DISABLED
    assert key.problem is not None
    rig.simulator.switch(management_status=None)
    assert (await rig.keys.enable(acme, actor=ADMIN)).key.problem is None


async def test_nothing_to_switch(rig: KeyRig) -> None:
    acme = rig.organization()
    for action in (rig.keys.disable, rig.keys.enable):
        with pytest.raises(Conflict):
            await action(acme, actor=ADMIN)


async def test_a_key_that_vanished_cannot_be_switched_on(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    await rig.keys.disable(acme, actor=ADMIN)
    rig.simulator.service.keys.remove(rig.remote()[0])
    with pytest.raises(Conflict, match="does not know this key"):
        await rig.keys.enable(acme, actor=ADMIN)
    assert rig.facts(acme).key.state is KeyState.LOST
    record = await rig.keys.provision(acme, actor=ADMIN)
    assert record.key.state is KeyState.ACTIVE
    assert record.key.retiring_hash is None


async def test_without_a_management_key_it_is_switched_here_alone(rig: KeyRig) -> None:
    acme = rig.organization()
    key = add_remote(rig)
    rig.management_key = None
    await rig.keys.adopt(acme, key.secret, actor=ADMIN)
    record = await rig.keys.disable(acme, actor=ADMIN)
    assert record.key.state is KeyState.DISABLED
    assert "OPENROUTER_PROVISIONING_KEY" in (record.key.problem or "")
    assert (await rig.keys.enable(acme, actor=ADMIN)).key.state is KeyState.ACTIVE
    await rig.keys.disable(acme, actor=ADMIN)
    key.disabled = True
    with pytest.raises(Conflict):
        await rig.keys.enable(acme, actor=ADMIN)


# Adopting.


async def test_adopting(rig: KeyRig) -> None:
    acme = rig.organization()
    key = add_remote(rig)
    record = await rig.keys.adopt(acme, key.secret, actor=ADMIN)
    assert record.key.state is KeyState.ACTIVE
    assert record.key.hash == hashlib.sha256(key.secret.encode()).hexdigest() == key.hash
    assert record.key.label == key.label
    assert (key.limit, key.limit_reset) == (Decimal(100), "monthly")
    assert key.name == f"mai-usage/acme/id-acme/{key.hash[:8]}"
    assert rig.store.secret(acme) == key.secret
    assert rig.actions() == ["key.adopted", "key.synced"]
    again = await rig.keys.adopt(acme, key.secret, actor=ADMIN)
    assert again.key.hash == key.hash


@pytest.mark.parametrize(
    "secret",
    ["", "sk-or-v1-short", "sk-or-v1-" + "a" * 300, "sk-or-v1-has a space in it 12345",
     "sk-or-v1-zażółć-gęślą-jaźń-1234", "another-kind-of-key-1234567890", None, 5,
     "sk-or-v1-with\nnewline-1234567890"],
)  # fmt: skip
async def test_shapes_that_are_no_key(rig: KeyRig, secret: Any) -> None:
    acme = rig.organization()
    with pytest.raises(BadInput) as raised:
        await rig.keys.adopt(acme, secret, actor=ADMIN)
    assert raised.value.field == "key"
    assert not secret or str(secret) not in str(raised.value)
    assert rig.management.calls == []


async def test_keys_that_openrouter_does_not_accept(rig: KeyRig) -> None:
    acme = rig.organization()
    unknown, disabled = new_secret(), add_remote(rig, disabled=True).secret
    for secret in (unknown, disabled, rig.simulator.management_key.ljust(20, "x")):
        with pytest.raises(BadInput) as raised:
            await rig.keys.adopt(acme, secret, actor=ADMIN)
        assert raised.value.field == "key"
        assert secret not in str(raised.value)
    assert rig.facts(acme).key.state is KeyState.NONE


async def test_a_management_key_is_not_adopted(rig: KeyRig) -> None:
    acme = rig.organization()
    key = add_remote(rig, management=True)
    with pytest.raises(BadInput, match="management key"):
        await rig.keys.adopt(acme, key.secret, actor=ADMIN)


async def test_a_key_of_another_account(rig: KeyRig) -> None:
    acme = rig.organization()
    key = add_remote(rig)
    key.hash = "another account's"  # the list knows it by another hash and another label
    rig.simulator.service.keys.remove(key)
    async with Simulator() as elsewhere:
        stranger = elsewhere.service.keys.add(
            ApiKey(secret=new_secret(), name="n", created_at=elsewhere.service.clock())
        )
        other = KeyRig(rig.db, elsewhere)
        # The two accounts meet in one client: what the key says of itself comes from elsewhere.
        rig.management.own_key = other.management.own_key  # type: ignore[method-assign]
        with pytest.raises(BadInput, match="of the account"):
            await rig.keys.adopt(acme, stranger.secret, actor=ADMIN)


async def test_a_hash_that_is_not_the_secrets_is_found_by_the_label(rig: KeyRig) -> None:
    acme = rig.organization()
    key = add_remote(rig)
    key.hash = "f" * 64
    record = await rig.keys.adopt(acme, key.secret, actor=ADMIN)
    assert record.key.hash == "f" * 64


async def test_a_key_that_another_organization_has(rig: KeyRig) -> None:
    acme, other = rig.organization(), rig.organization("other")
    key = add_remote(rig)
    await rig.keys.adopt(acme, key.secret, actor=ADMIN)
    with pytest.raises(Conflict) as raised:
        await rig.keys.adopt(other, key.secret, actor=ADMIN)
    assert raised.value.field == "key"
    assert rig.facts(other).key.state is KeyState.NONE


async def test_an_active_key_is_not_replaced_by_adopting(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    with pytest.raises(Conflict, match="active key"):
        await rig.keys.adopt(acme, add_remote(rig).secret, actor=ADMIN)


async def test_adopting_over_a_disabled_key_retires_it(rig: KeyRig) -> None:
    acme = rig.organization()
    first = await rig.keys.provision(acme, actor=ADMIN)
    await rig.keys.disable(acme, actor=ADMIN)
    record = await rig.keys.adopt(acme, add_remote(rig).secret, actor=ADMIN)
    assert record.key.retiring_hash == first.key.hash
    with pytest.raises(Conflict):
        await rig.keys.adopt(acme, add_remote(rig).secret, actor=ADMIN)


@pytest.mark.parametrize("status", [429, 503])
async def test_adopting_while_openrouter_is_in_trouble(rig: KeyRig, status: int) -> None:
    acme = rig.organization()
    key = add_remote(rig)
    rig.simulator.switch(management_status=status)
    with pytest.raises(UpstreamError):
        await rig.keys.adopt(acme, key.secret, actor=ADMIN)
    assert rig.facts(acme).key.state is KeyState.NONE
    rig.simulator.switch(management_status=None)
    assert (await rig.keys.adopt(acme, key.secret, actor=ADMIN)).key.problem is None


async def test_an_unreadable_key_is_entered_again_or_made_anew(rig: KeyRig) -> None:
    acme, other = rig.organization(), rig.organization("other")
    for name in (acme, other):
        await rig.keys.provision(name, actor=ADMIN)
    secret = rig.store.secret(acme)
    assert secret is not None
    later = KeyRig(rig.db, rig.simulator, vault=KeyRing(["another key to seal with"]))
    assert later.facts(acme).key.state is KeyState.UNREADABLE
    record = await later.keys.adopt(acme, secret, actor=ADMIN)
    assert (record.key.state, record.key.retiring_hash) == (KeyState.ACTIVE, None)
    lost = later.facts(other).key.hash
    record = await later.keys.provision(other, actor=ADMIN)
    assert (record.key.state, record.key.retiring_hash) == (KeyState.ACTIVE, lost)


# Pushing what changed.


async def test_a_change_of_the_organization_is_pushed(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    [key] = rig.remote()
    suffix = key.name[-8:]
    rig.set(acme, monthly_limit_pusd=26 * PICO, slug="acme-corp")
    await rig.keys.sync(acme)
    assert (key.limit, key.name) == (Decimal(20), f"mai-usage/acme-corp/id-acme/{suffix}")
    rig.set(acme, monthly_limit_pusd=None)
    await rig.keys.sync(acme)
    assert key.limit is None
    rig.set(acme, monthly_limit_pusd=PICO, on_limit="alert")
    await rig.keys.sync(acme)
    assert key.limit is None
    rig.set(acme, on_limit="block", status="deactivated")
    await rig.keys.sync(acme)
    assert key.disabled
    rig.set(acme, status="active")
    rig.rule(acme, 500_000, rig.clock.at_ms)
    await rig.keys.sync(acme)
    assert [(key.disabled, key.limit) for key in rig.remote()] == [(False, Decimal(2))]


async def test_a_push_that_changes_nothing_asks_only(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    rig.management.calls.clear()
    await rig.keys.sync(acme)
    assert rig.management.calls == ["key"]


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500])
async def test_a_push_that_fails_stays_as_a_problem(rig: KeyRig, status: int) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    rig.set(acme, monthly_limit_pusd=13 * PICO)
    rig.simulator.switch(management_status=status)
    record = await rig.keys.sync(acme)
    assert str(status) in (record.key.problem or "")
    rig.simulator.switch(management_status=None)
    assert (await rig.keys.sync(acme)).key.problem is None
    assert rig.remote()[0].limit == Decimal(10)


async def test_a_change_during_a_push_is_pushed_too(rig: KeyRig) -> None:
    acme = rig.organization()
    await rig.keys.provision(acme, actor=ADMIN)
    rig.set(acme, monthly_limit_pusd=13 * PICO)

    async def raise_the_limit() -> None:
        rig.set(acme, monthly_limit_pusd=26 * PICO)

    rig.management.after["change"] = raise_the_limit
    await rig.keys.sync(acme)
    assert rig.remote()[0].limit == Decimal(20)


async def test_nothing_to_push(rig: KeyRig) -> None:
    acme = rig.organization()
    assert (await rig.keys.sync(acme)).key.state is KeyState.NONE
    await rig.keys.provision(acme, actor=ADMIN)
    rig.management_key = None
    rig.management.calls.clear()
    assert (await rig.keys.sync(acme)).key.problem is None
    assert rig.management.calls == []


# Nothing to see.


async def test_no_secret_is_seen_anywhere(rig: KeyRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[object] = []

    async def seen(action: Callable[[], Awaitable[object]]) -> None:
        try:
            shown.append(await action())
        except UsageError as error:
            shown.extend([str(error), repr(error), error.args, error.__cause__])

    acme, other = rig.organization(), rig.organization("other")
    by_hand = add_remote(rig)
    statuses: tuple[int | None, ...] = (401, 403, 429, 500, None)
    for status in statuses:
        rig.simulator.switch(management_status=status)
        rig.clock.at_ms += RETIRE_AFTER_MS
        rig.management.after["create"] = broken_line
        for action in (rig.keys.provision, rig.keys.provision, rig.keys.rotate):
            await seen(lambda action=action: action(acme, actor=ADMIN))  # type: ignore[misc]
        await seen(lambda: rig.keys.adopt(other, by_hand.secret, actor=ADMIN))
        await seen(lambda: rig.keys.adopt(acme, by_hand.secret, actor=ADMIN))
        await seen(lambda: rig.keys.adopt(other, by_hand.secret + "é", actor=ADMIN))
        await seen(lambda: rig.keys.disable(acme, actor=ADMIN))
        await seen(lambda: rig.keys.enable(acme, actor=ADMIN))
        await seen(lambda: rig.keys.sync(acme))
        await seen(rig.check.run_once)
    rig.simulator.service.keys.remove(by_hand)
    await seen(rig.check.run_once)
    shown += [rig.facts(acme), rig.store.all_facts(), VAULT, rig.store, rig.keys, rig.check]
    assert rig.management.secrets, "keys were made"
    assert rig.facts(other).key.state is KeyState.LOST
    everything = "\n".join(
        [repr(shown), caplog.text, rig.cells(), *(repr(vars(each)) for each in caplog.records)]
    )
    for secret in (by_hand.secret, rig.simulator.management_key, *rig.management.secrets):
        assert secret not in everything
        assert secret[10:60] not in everything
