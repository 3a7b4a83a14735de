"""A metered chat, streamed and plain, on the oldest host we support."""

from __future__ import annotations

import aiohttp
import pytest

from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT, Person, generation_id_of
from tests.host.audit import Audit
from tests.host.conftest import OldestHost
from tests.host.theatre import CHEAP, Theatre
from tests.workshop.hosts import OLDEST

pytestmark = pytest.mark.host

USAGE = "/api/v1/client_organizations/usage/my-organization"


async def test_chats_on_the_oldest_host(
    theatre: Theatre, oldest: OldestHost, session: aiohttp.ClientSession
) -> None:
    host, admin = oldest.host, oldest.admin
    assert host.version() == OLDEST.version
    ada = Person(session, host.url, token=admin.token, model=CHEAP)
    audit = Audit(theatre.simulator, host)
    before = (await ada.get(USAGE)).json()["stats"]["today"]["requests"]

    answers = [
        await ada.chat("Hello", stream=stream, path=path)
        for stream in (False, True)
        for path in (CHAT, OPENAI_CHAT)
    ]

    assert [answer.status for answer in answers] == [200] * 4
    entries = await audit.settled(4)
    assert {entry.generation_id for entry in entries} == {
        generation_id_of(answer.body) for answer in answers
    }
    assert {entry.user_id for entry in entries} == {admin.id}
    page = (await ada.get(USAGE)).json()
    assert page["stats"]["today"]["requests"] == before + 4
    unsigned = Person(session, host.url, token=None, model=CHEAP)
    refused = await unsigned.get("/api/v1/client_organizations/usage/my-organization")
    assert refused.status == 403
