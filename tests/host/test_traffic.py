"""Every kind of call through a real Open WebUI, against the upstream's own bill."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import aiohttp
import pytest

from mai_usage_ext.demo.books import Booked
from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT, Person, generation_id_of
from mai_usage_ext.demo.play import Cast, Play
from tests.host.audit import Audit
from tests.host.conftest import Metered
from tests.host.theatre import CHEAP, EMBEDDINGS, Theatre

pytestmark = pytest.mark.host

# Slow enough that an answer can be stopped half-way.
SLOW = {"chunk_delay": 0.03}


async def test_the_whole_mix_equals_the_bill(
    metered: Metered, theatre: Theatre, people: dict[str, Person], audit: Audit
) -> None:
    theatre.simulator.switch(**SLOW)
    cast = Cast(first=(people["Anna"], people["Boris"]), second=(people["Chen"], people["Dora"]))
    play = Play(
        cast,
        embedding_model=EMBEDDINGS,
        simulated=True,
        tell=lambda what: None,
        screen=theatre.dialect.screen,
        embeddings_path=theatre.dialect.embeddings,
    )
    await play.all_acts()

    entries = await audit.settled(43)

    assert play.seen <= {entry.generation_id for entry in entries}
    ids = {theatre.people[name].account.id: name for name in theatre.people}
    assert Counter(ids[entry.user_id or ""] for entry in entries) == {
        "Anna": 11,
        "Boris": 14,
        "Chen": 11,
        "Dora": 7,
    }
    bakery, studio = metered.bakery.id, metered.studio.id
    organizations = {"Anna": bakery, "Boris": bakery, "Chen": studio, "Dora": studio}
    for entry in entries:
        assert entry.organization_id == organizations[ids[entry.user_id or ""]]
        rate = Fraction(13, 10) if entry.organization_id == bakery else Fraction(185, 100)
        assert entry.billed_pusd == round(entry.raw_pusd * rate)
    purposes = Counter(entry.purpose for entry in entries)
    assert purposes["title"] == purposes["tags"] == purposes["follow_up"] == 3
    assert purposes["chat"] == 3 + 2
    assert purposes["embeddings"] == 2


@pytest.mark.oldest_too
@pytest.mark.parametrize("path", [CHAT, OPENAI_CHAT])
@pytest.mark.parametrize("stream", [False, True])
async def test_one_call_by_api(
    people: dict[str, Person], audit: Audit, path: str, stream: bool
) -> None:
    answer = await people["Anna"].chat("How are you?", stream=stream, path=path)

    assert answer.status == 200
    [entry] = await audit.settled(1)
    assert entry.generation_id == generation_id_of(answer.body)
    assert (entry.source, entry.outcome) == ("stream" if stream else "body", "completed")
    assert entry.purpose == "api"


async def test_an_api_key_is_metered_as_its_owner(
    theatre: Theatre, metered: Metered, session: aiohttp.ClientSession, audit: Audit
) -> None:
    dora = theatre.people["Dora"]
    caller = Person(session, metered.host.url, token=dora.api_key, model=CHEAP)

    assert (await caller.chat("Hello")).status == 200

    [entry] = await audit.settled(1)
    assert (entry.user_id, entry.organization_id) == (dora.account.id, metered.studio.id)


async def test_somebody_without_an_organization_is_metered_as_unassigned(
    people: dict[str, Person], audit: Audit
) -> None:
    await people["Eve"].chat("Hello")

    [entry] = await audit.settled(1)
    assert entry.organization_id == "unassigned"


@pytest.mark.oldest_too
async def test_embeddings(theatre: Theatre, people: dict[str, Person], audit: Audit) -> None:
    answer = await people["Chen"].embed(
        "one", "two", model=EMBEDDINGS, path=theatre.dialect.embeddings
    )

    assert len(answer.json()["data"]) == 2
    [entry] = await audit.settled(1)
    assert (entry.purpose, entry.model, entry.completion_tokens) == ("embeddings", EMBEDDINGS, 0)


@pytest.mark.oldest_too
async def test_a_turn_at_the_screen_is_four_calls(
    theatre: Theatre, people: dict[str, Person], audit: Audit
) -> None:
    async with theatre.dialect.screen(people["Anna"]) as screen:
        turn = await screen.finish(await screen.ask("What is a tide?"))

    entries = await audit.settled(4)

    assert {"chat:title", "chat:tags", "chat:message:follow_ups"} <= turn.kinds
    assert sorted(entry.purpose for entry in entries) == ["chat", "follow_up", "tags", "title"]
    chat = _of_purpose(entries, "chat")
    assert chat.source == "stream"


@pytest.mark.parametrize("billing", ["none", "partial", "full"])
async def test_the_stop_button_is_settled_from_the_generation(
    theatre: Theatre, people: dict[str, Person], audit: Audit, billing: str
) -> None:
    theatre.simulator.switch(chunks=200, cancel_billing=billing, **SLOW)
    async with theatre.dialect.screen(people["Boris"]) as screen:
        turn = await screen.ask("Tell me everything.", tasks=())
        await screen.stop(await screen.wait_for_text(turn))

    [entry] = await audit.settled(1)

    assert (entry.source, entry.outcome, entry.purpose) == ("generation", "cancelled", "chat")
    [row] = (await audit.bill()).values()
    assert row["cancelled"]
    assert (entry.raw_pusd == 0) == (billing == "none")


async def test_stopping_a_task_as_admins_do(
    theatre: Theatre, metered: Metered, people: dict[str, Person], audit: Audit
) -> None:
    theatre.simulator.switch(chunks=200, **SLOW)
    async with theatre.dialect.screen(people["Ada"]) as screen:
        turn = await screen.ask("Tell me everything.", tasks=())
        answer = await screen.stop_task(await screen.wait_for_text(turn))

    assert answer.status == 200
    [entry] = await audit.settled(1)
    assert (entry.source, entry.outcome) == ("generation", "cancelled")


@pytest.mark.parametrize("path", [CHAT, OPENAI_CHAT])
async def test_a_caller_who_hangs_up(
    theatre: Theatre, people: dict[str, Person], audit: Audit, path: str
) -> None:
    # The generation is unknown for a while after a call, and most of all after a cancelled one.
    theatre.simulator.switch(chunks=200, generation_delay=2.0, **SLOW)

    seen = await people["Dora"].walk_away("Tell me everything.", path=path)

    [entry] = await audit.settled(1)
    assert entry.generation_id == generation_id_of(seen)
    assert (entry.source, entry.outcome) == ("generation", "cancelled")


@pytest.mark.parametrize(
    ("kind", "source"), [("with_usage", "stream"), ("without_usage", "generation")]
)
async def test_an_error_in_the_middle_of_a_stream(
    theatre: Theatre, people: dict[str, Person], audit: Audit, kind: str, source: str
) -> None:
    theatre.simulator.switch(stream_error=kind)

    answer = await people["Anna"].chat("Break, please.", stream=True)

    assert b"error" in answer.body
    [entry] = await audit.settled(1)
    assert (entry.source, entry.outcome) == (source, "failed")
    assert entry.raw_pusd > 0


@pytest.mark.parametrize(
    "switches",
    [
        {"usage_shape": "repeated_stop"},
        {"running_totals": True},
        {"crlf": True, "split_lines": True, "processing_comments": True},
        {"cr": True},
        {"no_done": True},
        {"dated_slug": True, "cached_tokens": 5, "reasoning_tokens": 40},
        {"byok": True},
        {"web_search": 2},
        {"no_id_header": True},
        {"usage": "missing"},
        {"cost_null": True},
    ],
    ids=lambda switches: "+".join(switches),
)
async def test_every_shape_of_a_stream(
    theatre: Theatre, people: dict[str, Person], audit: Audit, switches: dict[str, object]
) -> None:
    theatre.simulator.switch(**switches)

    answer = await people["Anna"].chat("How are you?", stream=True)

    assert answer.status == 200
    await audit.settled(1)


async def test_a_refusal_upstream_costs_nothing_and_keeps_its_text(
    theatre: Theatre, people: dict[str, Person], audit: Audit
) -> None:
    theatre.simulator.switch(status=429, error_message="Slow down, please", retry_after=1)

    answer = await people["Anna"].chat("How are you?")

    assert theatre.dialect.told(answer) == (429, "Slow down, please")
    [hold] = await audit.hold_in("void")
    assert hold.generation_id is None
    assert audit.entries() == []


def _of_purpose(entries: list[Booked], purpose: str) -> Booked:
    [found] = [entry for entry in entries if entry.purpose == purpose]
    return found
