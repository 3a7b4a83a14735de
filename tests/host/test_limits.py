from __future__ import annotations
import asyncio
import aiohttp
import pytest
from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT, EMBEDDINGS, Person
from tests.host.audit import Audit, until
from tests.host.conftest import Metered
from tests.host.reseller import Reseller
from tests.host.theatre import Theatre
pytestmark = pytest.mark.host

async def test_x(theatre: Theatre, metered: Metered, session) -> None:
    reseller = Reseller(theatre, metered.host, session)
    client = await reseller.client("Quarry", timezone="Europe/Warsaw", monthly_limit="5")
    print(client)
    who = await reseller.newcomer("Hugo", client)
    theatre.simulator.switch(web_search=400, times=1)
    a = await who.person.chat("Hi")
    print(a)
    for stream in (0,1):
        for path in (CHAT, OPENAI_CHAT, "/openai/responses", "/api/v1/messages"):
            print(path, stream, await who.person.chat("Hi", stream=bool(stream), path=path))
    print(await who.person.embed("one", model="openai/text-embedding-3-small"))
    print(await who.person.post("/openai/embeddings", {"model": "openai/text-embedding-3-small", "input": "x"}))
    print(await reseller.show(client))
    print(await reseller.ask("GET", f"/user-mappings/{who.id}"))
    print(await reseller.counts())
    print(list(theatre.simulator.service.keys.inference_keys()))
    print([r.row() for r in theatre.simulator.bill.records[-3:]])
    print([r.row() for r in theatre.simulator.bill.refused])
    await reseller.delete_user(who)
    await asyncio.sleep(1)
    print(await reseller.ask("GET", f"/user-mappings?client_id={client['id']}"))
    import subprocess
    print(subprocess.run(["sqlite3", str(metered.host.usage_database), ".dump"], capture_output=True).stdout[-100:])
    raise AssertionError
