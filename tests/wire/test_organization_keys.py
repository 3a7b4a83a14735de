"""Whose key a call carries: the organization's own, the host's, or none because it may not go."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from multidict import CIMultiDict

from mai_usage_ext import guard
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.ports import SYSTEM, KeyRecord, KeyState
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.server import INFERENCE_KEY, MANAGEMENT_KEY
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.keys import KeyRows
from mai_usage_ext.storage.vault import KeyRing
from tests.services.key_rig import HandClock, KeyRig
from tests.wire.conftest import start_rig
from tests.wire.overheard import Overheard
from tests.wire.rig import MODEL, Rig

RING = "the key that seals what is stored"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Overheard]:
    async with Overheard() as running:
        yield running


@pytest.fixture
def environ() -> dict[str, str]:
    return {"OPENROUTER_PROVISIONING_KEY": MANAGEMENT_KEY, "MAI_USAGE_ENCRYPTION_KEYS": RING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme:
    """An organization with a key of its own, and one member, bob."""

    rig: Rig
    simulator: Overheard
    id: str

    @property
    def services(self) -> ApiServices:
        assert self.rig.meter.services is not None
        return self.rig.meter.services

    @property
    def secret(self) -> str:
        """What the simulator knows the organization's key by."""
        [key] = [key for key in remote_keys(self.simulator) if not key.disabled]
        return key.secret

    async def key(self) -> KeyRecord:
        record = await asyncio.to_thread(self.services.organizations.get, self.id)
        return record.key

    async def chat(self, **options: Any) -> tuple[int, dict[str, Any]]:
        async with self.rig.call(**{"user": "bob", **options}) as response:
            return response.status, await response.json()

    def bearers(self, path: str = "/chat/completions") -> list[str | None]:
        return [heard.bearer for heard in self.simulator.sent(path)]


def remote_keys(simulator: Simulator) -> list[Any]:
    keys = simulator.service.keys.inference_keys()
    return [key for key in keys if key.secret != simulator.inference_key]


async def acme_of(rig: Rig) -> Acme:
    assert isinstance(rig.simulator, Overheard)
    services = rig.meter.services
    assert services is not None
    fields = {"name": "Acme GmbH", "monthly_limit": "100"}
    made = await asyncio.to_thread(services.organizations.create, fields, actor=SYSTEM)
    await asyncio.to_thread(services.members.assign, "bob", made.id, actor=SYSTEM)
    await services.keys.provision(made.id, actor=SYSTEM)
    return Acme(rig=rig, simulator=rig.simulator, id=made.id)


@pytest_asyncio.fixture
async def acme(sqlite_rig: Rig) -> Acme:
    return await acme_of(sqlite_rig)


async def test_calls_carry_the_organizations_key(rig: Rig) -> None:
    acme = await acme_of(rig)
    for stream in (False, True):
        await rig.read(user="bob", stream=stream)
    await rig.read(user="alice")
    await rig.read("/embeddings", user="bob")
    assert acme.bearers() == [acme.secret, acme.secret, INFERENCE_KEY]
    assert acme.bearers("/embeddings") == [acme.secret]
    hashes = {record.key_hash for record in rig.simulator.bill.records if record.user is not None}
    assert (await acme.key()).hash in hashes
    assert rig.holds() == {"settled": 4}
    assert rig.ledger_pusd() == rig.bill_pusd()


Use = Callable[[Acme], Any]


async def disable(acme: Acme) -> None:
    await acme.services.keys.disable(acme.id, actor=SYSTEM)


async def lose(acme: Acme) -> None:
    """Somebody deletes the key at OpenRouter; the check sees it."""
    [key] = remote_keys(acme.simulator)
    acme.simulator.service.keys.remove(key)
    await acme.services.key_check.run_once()


async def disable_during_an_outage(acme: Acme) -> None:
    acme.simulator.switch(management_status=500)
    await acme.services.keys.disable(acme.id, actor=SYSTEM)


@pytest.mark.parametrize(
    ("spoil", "state", "sentence"),
    [
        (disable, KeyState.DISABLED, "its OpenRouter key is switched off"),
        (disable_during_an_outage, KeyState.DISABLED, "its OpenRouter key is switched off"),
        (lose, KeyState.LOST, "OpenRouter does not know its key any more"),
    ],
    ids=["disabled", "disabled during an outage", "lost"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_without_a_usable_key_nothing_is_sent(
    acme: Acme, spoil: Use, state: KeyState, sentence: str, stream: bool
) -> None:
    assert (await acme.chat())[0] == 200
    await spoil(acme)
    assert (await acme.key()).state is state
    status, body = await acme.chat(stream=stream)
    assert status == 403
    assert body["error"]["message"].startswith(f"Acme GmbH: {sentence}")
    assert len(acme.bearers()) == 1
    assert (await acme.chat(user="alice"))[0] == 200
    assert acme.bearers()[1:] == [INFERENCE_KEY]
    assert guard.tally["calls refused: organization or key inactive"] == 1


@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/embeddings", "/brand/new"])
async def test_the_hosts_key_stands_in_on_no_path(acme: Acme, path: str) -> None:
    await disable(acme)
    async with acme.rig.call(path, user="bob") as response:
        assert response.status == 403
    assert acme.bearers(path) == []


async def test_enabled_again_it_is_used_at_once(acme: Acme) -> None:
    await disable(acme)
    assert (await acme.chat())[0] == 403
    await acme.services.keys.enable(acme.id, actor=SYSTEM)
    assert (await acme.chat())[0] == 200
    assert acme.bearers() == [acme.secret]


async def test_a_fault_of_ours_never_lets_the_hosts_key_stand_in(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, swallowed: Any
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("mai_usage_ext.host.gate.OutgoingBody.with_fields", broken)
    assert (await acme.chat())[0] == 503
    assert acme.bearers() == []
    swallowed.expect("admitting a call")


class TestAnotherRing:
    """The key ring is lost: what is sealed cannot be opened, which stops that one organization."""

    async def test_has_to_be_entered_again(
        self, tmp_path: Path, simulator: Overheard, environ: dict[str, str]
    ) -> None:
        url = f"sqlite:///{tmp_path}/usage.db"
        async with running(url, simulator, environ) as rig:
            acme = await acme_of(rig)
            secret = acme.secret
        other = {**environ, "MAI_USAGE_ENCRYPTION_KEYS": "quite another key that seals"}
        async with running(url, simulator, other) as rig:
            again = Acme(rig=rig, simulator=simulator, id=acme.id)
            assert (await again.key()).state is KeyState.UNREADABLE
            status, body = await again.chat()
            assert status == 403
            assert "cannot be read and has to be entered again" in body["error"]["message"]
            assert (await again.chat(user="alice"))[0] == 200
            assert again.bearers() == [INFERENCE_KEY]
            await again.services.keys.adopt(acme.id, secret, actor=SYSTEM)
            assert (await again.chat())[0] == 200
            assert again.bearers() == [INFERENCE_KEY, secret]


running = asynccontextmanager(start_rig)


class TestTwoServers:
    """Two metered base URLs; the organizations' keys belong to the first one's origin alone."""

    @pytest_asyncio.fixture
    async def other(self) -> AsyncIterator[Overheard]:
        async with Overheard() as running:
            yield running

    @pytest.fixture
    def environ(
        self, environ: dict[str, str], simulator: Overheard, other: Overheard
    ) -> dict[str, str]:
        return {**environ, "OPENROUTER_BASE_URL": f"{simulator.url};{other.url}"}

    @pytest.mark.parametrize("with_base", [False, True], ids=["whole URL", "base URL"])
    async def test_the_second_never_sees_the_organizations_key(
        self, acme: Acme, other: Overheard, with_base: bool
    ) -> None:
        current_caller.set(Caller(user_id="bob", purpose="chat"))
        headers = {"Authorization": f"Bearer {INFERENCE_KEY}"}
        base = other.url + "/" if with_base else None
        url = "chat/completions" if with_base else other.url + "/chat/completions"
        async with (
            aiohttp.ClientSession(base) as session,
            session.post(url, json=CHAT, headers=headers) as response,
        ):
            assert response.status == 200
            await response.read()
        [heard] = other.sent()
        assert heard.bearer == INFERENCE_KEY
        assert acme.secret.encode() not in heard.body
        assert acme.bearers() == []
        [entry] = acme.rig.entries()
        assert (entry["organization_id"], entry["raw_pusd"]) == (
            acme.id,
            int(other.bill.totals()["spend_pusd"]),
        )


class TestNotOurs:
    async def test_other_hosts_get_what_the_host_sends(self, acme: Acme) -> None:
        current_caller.set(Caller(user_id="bob", purpose="chat"))
        headers = {"Authorization": "Bearer a key of somebody else"}
        body = b'{"model": "x",  "user":"bob@example.com"}'
        async with Overheard() as stranger:
            url = stranger.url + "/chat/completions"
            async with acme.rig.session.post(url, data=body, headers=headers) as response:
                await response.read()
            [heard] = stranger.heard
        assert (heard.bearer, heard.body) == ("a key of somebody else", body)

    async def test_what_costs_nothing_keeps_its_key(self, acme: Acme) -> None:
        current_caller.set(Caller(user_id="bob", purpose="chat"))
        headers = {"Authorization": f"Bearer {INFERENCE_KEY}"}
        async with acme.rig.session.get(acme.simulator.url + "/key", headers=headers) as response:
            await response.read()
        assert acme.bearers("/key") == [INFERENCE_KEY]


HOST = f"Bearer {INFERENCE_KEY}"
FORMS: dict[str, dict[str, Any]] = {
    "dict": {"headers": {"Authorization": HOST}},
    "other case": {"headers": {"AUTHORIZATION": HOST}},
    "multidict": {"headers": CIMultiDict({"authorization": HOST, "X-Other": "kept"})},
    "twice": {"headers": CIMultiDict([("Authorization", HOST), ("authorization", HOST)])},
    "pairs": {"headers": [("Authorization", HOST), ("X-Other", "kept")]},
    "none": {},
    "another scheme": {"headers": {"x-api-key": INFERENCE_KEY}},
}


@pytest.mark.parametrize("form", FORMS)
async def test_however_the_host_says_its_key(acme: Acme, form: str) -> None:
    current_caller.set(Caller(user_id="bob", purpose="chat"))
    options = FORMS[form]
    url = acme.simulator.url + "/chat/completions"
    async with acme.rig.session.post(url, json=CHAT, **options) as response:
        assert response.status == 200
        await response.read()
    [heard] = acme.simulator.sent()
    assert heard.bearer == acme.secret
    assert INFERENCE_KEY not in str(heard)
    if "X-Other" in dict(options.get("headers", ())):
        assert heard.headers["x-other"] == "kept"


# Newer releases of aiohttp would rather have a header.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_password_gives_way_too(acme: Acme) -> None:
    """aiohttp refuses a request that authorizes twice."""
    current_caller.set(Caller(user_id="bob", purpose="chat"))
    url, auth = acme.simulator.url + "/chat/completions", aiohttp.BasicAuth("host", "password")
    async with acme.rig.session.post(url, json=CHAT, auth=auth) as response:
        assert response.status == 200
        await response.read()
    [heard] = acme.simulator.sent()
    assert heard.bearer == acme.secret
    assert base64.b64encode(b"host:password").decode() not in str(heard)


async def test_a_sessions_own_headers_give_way(acme: Acme) -> None:
    current_caller.set(Caller(user_id="bob", purpose="chat"))
    headers = {"Authorization": HOST, "X-Other": "kept"}
    async with (
        aiohttp.ClientSession(acme.simulator.url + "/", headers=headers) as session,
        session.post("chat/completions", json=CHAT) as response,
    ):
        assert response.status == 200
        await response.read()
        assert session.headers["Authorization"] == HOST, "the host's own object stays as it is"
    [heard] = acme.simulator.sent()
    assert (heard.bearer, heard.headers["x-other"]) == (acme.secret, "kept")


async def test_after_a_restart_the_own_key_asks_what_a_call_cost(
    tmp_path: Path, simulator: Overheard, environ: dict[str, str]
) -> None:
    """Nothing of the calls' keys is stored, and the management key is gone too."""
    url = f"sqlite:///{tmp_path}/usage.db"
    simulator.switch(cost_null=True, generation_delay=1)
    async with running(url, simulator, environ) as rig:
        acme = await acme_of(rig)
        secret = acme.secret
        assert (await acme.chat())[0] == 200
        assert rig.holds() == {"pending": 1}
    simulator.heard.clear()
    del environ["OPENROUTER_PROVISIONING_KEY"]
    async with running(url, simulator, environ) as rig:
        await rig.all_settled()
        [entry] = rig.entries()
        assert (entry["source"], entry["raw_pusd"]) == ("generation", rig.bill_pusd())
    assert {heard.bearer for heard in simulator.sent("/generation")} == {secret}


async def test_no_call_fails_while_another_process_rotates_the_key(
    acme: Acme, tmp_path: Path
) -> None:
    """This process remembers the old key for some seconds: it goes on working a minute."""
    rig, old = acme.rig, acme.secret
    acme.simulator.switch(chunk_delay=0.01)
    statuses: list[int] = []
    over = asyncio.Event()

    async def chat_on() -> None:
        while not over.is_set():
            async with rig.call(user="bob", stream=True) as response:
                statuses.append(response.status)
                await response.read()

    chats = [asyncio.create_task(chat_on()) for _ in range(4)]
    database = open_database(f"sqlite:///{tmp_path}/usage.db")
    clock = HandClock(at_ms=time.time_ns() // 1_000_000)
    elsewhere = KeyRig(database, acme.simulator, vault=KeyRing([RING]), clock=clock)
    try:
        await acme.simulator.bill.until(lambda _: old in acme.bearers())
        await elsewhere.keys.rotate(acme.id, actor=SYSTEM)
        new = await asyncio.to_thread(KeyRows(database, KeyRing([RING])).secret, acme.id)
        begun = len(acme.bearers())
        await acme.simulator.bill.until(lambda _: len(acme.bearers()) >= begun + 8)
        acme.services.directory.forget()
        await acme.simulator.bill.until(lambda _: new in acme.bearers())
    finally:
        over.set()
        await asyncio.gather(*chats)
        close_database(database)
    assert set(statuses) == {200}
    assert set(acme.bearers()) == {old, new}
    await rig.all_settled()
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_rotated_here_the_next_call_carries_the_new_key(acme: Acme) -> None:
    old = acme.secret
    assert (await acme.chat())[0] == 200
    await acme.services.keys.rotate(acme.id, actor=SYSTEM)
    assert (await acme.chat())[0] == 200
    before, after = acme.bearers()
    assert before == old
    assert after in {one.secret for one in remote_keys(acme.simulator)} - {old}


async def test_no_key_is_in_the_log_or_the_tally(
    acme: Acme, caplog: pytest.LogCaptureFixture
) -> None:
    await acme.chat()
    secret = acme.secret
    await acme.chat(switches={"status": 500})
    await disable(acme)
    await acme.chat()
    shown = caplog.text + repr(guard.tally) + repr(acme.rig.meter.gate) + repr(await acme.key())
    assert secret not in shown
