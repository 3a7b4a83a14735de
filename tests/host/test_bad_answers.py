"""Usage that makes no sense: the chat never notices, and nothing is booked at zero."""

from __future__ import annotations

import aiohttp
import pytest

from mai_usage_ext.demo.person import Person, generation_id_of
from tests.host.audit import Audit
from tests.host.conftest import Metered
from tests.host.theatre import Theatre

pytestmark = pytest.mark.host

_TOKENS = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
NONSENSE = {
    "strings": {**_TOKENS, "prompt_tokens": "three", "cost": 0.1},
    "cost as a string": {**_TOKENS, "cost": "0.1"},
    "negative tokens": {**_TOKENS, "completion_tokens": -5, "cost": 0.1},
    "negative cost": {**_TOKENS, "cost": -0.1},
    "absurd tokens": {**_TOKENS, "prompt_tokens": 10**30, "cost": 0.1},
    "absurd cost": {**_TOKENS, "cost": 1e300},
    "no cost": _TOKENS,
    "a list": [1, 2, 3],
    "null": None,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", list(NONSENSE))
async def test_nonsense_is_settled_from_the_generation(
    theatre: Theatre,
    metered: Metered,
    session: aiohttp.ClientSession,
    kind: str,
    stream: bool,
) -> None:
    theatre.simulator.switch(usage_override=NONSENSE[kind])
    without_us = await theatre.person(session, theatre.plain, "Anna").chat("Hi", stream=stream)
    audit = Audit(theatre.simulator, metered.host)

    answer = await theatre.person(session, metered.host, "Anna").chat("Hi", stream=stream)

    # Some of this the host itself cannot read; then it answers as it does without us.
    assert answer.status == without_us.status
    assert (b'"content"' in answer.body) == (b'"content"' in without_us.body)
    [entry] = await audit.settled(1)
    assert entry.source == "generation"


@pytest.mark.parametrize("stream", [False, True])
async def test_nonsense_everywhere_stays_visible(
    theatre: Theatre, people: dict[str, Person], audit: Audit, stream: bool
) -> None:
    theatre.simulator.switch(usage_override=NONSENSE["negative cost"])
    theatre.simulator.switch(generation_override={"total_cost": -1}, endpoint="/generation")

    answer = await people["Anna"].chat("Hi", stream=stream)

    assert answer.status == 200
    [hold] = await audit.hold_in("pending", "unpriced")
    assert hold.generation_id in await audit.bill()
    assert audit.entries() == []
    health = (await people["Ada"].get("/api/v1/client_organizations/health")).json()
    assert health["unsettled"]["pending"] + health["unsettled"].get("unpriced", 0) >= 1
    assert health["counts"]["answers without usable usage"] >= 1
    # With a cost that can be used the same hold is settled, to the picodollar.
    theatre.simulator.service.panel.reset()
    await audit.settled(1)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_without_any_id_is_unidentified(
    theatre: Theatre, people: dict[str, Person], audit: Audit, stream: bool
) -> None:
    theatre.simulator.switch(usage="missing", no_id_anywhere=True)

    answer = await people["Anna"].chat("Hi", stream=stream)

    assert answer.status == 200
    [hold] = await audit.hold_in("unidentified")
    assert hold.generation_id is None
    assert audit.entries() == []


async def test_a_connection_cut_before_the_headers_is_unidentified(
    theatre: Theatre, people: dict[str, Person], audit: Audit
) -> None:
    theatre.simulator.switch(cut_after=-1)

    answer = await people["Anna"].chat("Hi", stream=True)

    assert answer.status >= 400
    await audit.hold_in("unidentified")
    assert audit.entries() == []


async def test_a_connection_cut_in_the_middle_is_settled(
    theatre: Theatre, people: dict[str, Person], audit: Audit
) -> None:
    theatre.simulator.switch(cut_after=3, chunk_delay=0.02)

    seen = bytearray()
    try:
        async for piece in people["Anna"].stream("Hi"):
            seen += piece
    except aiohttp.ClientPayloadError:
        assert not theatre.dialect.ends_broken_streams
    else:
        assert b'"error"' in seen

    [entry] = await audit.settled(1)
    assert (entry.source, entry.generation_id) == ("generation", generation_id_of(bytes(seen)))
