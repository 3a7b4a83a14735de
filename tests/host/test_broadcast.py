"""OpenRouter tells a real host of a real chat, without signing in."""

from __future__ import annotations

import aiohttp
import pytest

from mai_usage_ext.api.broadcast import HEADER
from mai_usage_ext.api.usage import ALIAS, PREFIX
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.simulator import Simulator
from tests.host.audit import Audit, until
from tests.host.conftest import Metered
from tests.host.reseller import Reseller
from tests.host.theatre import ENVIRONMENT

pytestmark = pytest.mark.host

SECRET = ENVIRONMENT["MAI_USAGE_BROADCAST_SECRET"]


async def test_a_chat_is_told_of(
    simulator: Simulator, metered: Metered, reseller: Reseller, audit: Audit
) -> None:
    client = await reseller.client("Herald", markup_rate="1.3")
    hana = await reseller.newcomer("Hana", client)
    simulator.switch(
        broadcast_url=f"{metered.host.url}{PREFIX}/broadcast",
        broadcast_headers={HEADER: SECRET},
        broadcast_copies=2,
        broadcast_gzip=True,
    )
    answers = simulator.service.broadcaster.answers
    answers.clear()
    answer = await hana.person.chat("Tell everybody")
    assert answer.status == 200, answer.text
    generations = {record.generation_id for record in simulator.bill.records}

    async def told() -> bool:
        return len(answers) == 2

    await until(told, lambda: f"two answers, but {answers}")
    assert {one.status for one in answers} == {200}
    shown = (await reseller.ask("GET", "/broadcast"))["broadcasts"]
    [call] = [one for one in shown if one["generation_id"] in generations]
    assert call["status"] == "waiting"
    [entry] = await audit.settled(1)
    assert (entry.generation_id, call["raw"]) == (
        call["generation_id"],
        usd_from_pusd(entry.raw_pusd),
    )


async def test_strangers_are_not_heard(metered: Metered, session: aiohttp.ClientSession) -> None:
    for prefix in (PREFIX, ALIAS):
        url = f"{metered.host.url}{prefix}/broadcast"
        async with session.post(url, json={"resourceSpans": []}) as refused:
            assert refused.status == 401
        test = {"X-Test-Connection": "true", HEADER: SECRET}
        async with session.post(url, headers=test) as accepted:
            assert accepted.status == 200
