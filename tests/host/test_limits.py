"""What callers of the host's API are answered when a limit is reached, and that it holds."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.simulator import Simulator
from tests.host.audit import Audit, until
from tests.host.reseller import Newcomer, Reseller
from tests.host.theatre import ADMIN, EMBEDDINGS, Theatre
from tests.host.workers import ask_anew, call_both_workers

pytestmark = pytest.mark.host

# One search costs 0.01 USD: a call with so many is billed at 5.20 USD and something.
SEARCHES = 400
REFUSAL = re.compile(
    r"Quarry: The monthly limit of \$5\.00 does not allow this call: \$5\.20 spent, "
    r"and it may cost up to \$\d+\.\d+\. The limit starts anew on 20\d\d-\d\d-01 "
    r"\(Europe/Warsaw\)\. Please ask your administrator to raise it\."
)


async def spend_it_all(theatre: Theatre, reseller: Reseller) -> tuple[dict[str, Any], Newcomer]:
    """An organization of 5 USD that has spent more, and somebody in it."""
    client = await reseller.client(
        "Quarry", timezone="Europe/Warsaw", markup_rate="1.3", monthly_limit="5"
    )
    hugo = await reseller.newcomer("Hugo", client)
    audit = Audit(theatre.simulator, reseller.host)
    theatre.simulator.switch(web_search=SEARCHES, times=1)
    answer = await hugo.person.chat("Find everything about stone")
    assert answer.status == 200, answer.text
    await audit.settled(1)
    return client, hugo


@pytest.mark.oldest_too
async def test_api_callers_are_told_why_with_a_402(theatre: Theatre, reseller: Reseller) -> None:
    client, hugo = await spend_it_all(theatre, reseller)
    audit, before = Audit(theatre.simulator, reseller.host), await reseller.counts()
    refused_upstream = list(theatre.simulator.bill.refused)

    answers = [
        await hugo.person.chat("Hello", stream=stream, path=path)
        for stream in (False, True)
        for path in theatre.dialect.completions
    ]
    path = theatre.dialect.embeddings
    answers.append(await hugo.person.embed("one", model=EMBEDDINGS, path=path))

    for answer in answers:
        status, sentence = theatre.dialect.told(answer)
        assert status == 402, answer
        assert answer.media_type == "application/json"
        assert REFUSAL.fullmatch(sentence), answer.text
    after = await reseller.counts()
    refused = "calls refused by a limit"
    assert after[refused] - before.get(refused, 0) == len(answers)
    # Nothing went upstream, nothing stays held, and OpenRouter refused nothing in our place.
    assert await audit.bill() == {}
    assert audit.holds() == []
    assert theatre.simulator.bill.refused == refused_upstream
    shown = await reseller.show(client)
    assert (shown["held"], Decimal(shown["spent"]) > 5) == ("0", True)

    await reseller.change(client, monthly_limit="10")
    assert (await hugo.person.chat("Hello", stream=True)).status == 200
    await audit.settled(1)


async def test_a_limit_of_ones_own(theatre: Theatre, reseller: Reseller) -> None:
    client = await reseller.client("Sawmill")
    ines, jan = [await reseller.newcomer(name, client) for name in ("Ines", "Jan")]
    await reseller.ask("PATCH", f"/user-mappings/{ines.id}", {"monthly_limit": "0.00001"})

    refused, welcome = await ines.person.chat("Hello"), await jan.person.chat("Hello")

    assert welcome.status == 200
    status, sentence = theatre.dialect.told(refused)
    assert status == 402
    assert sentence.startswith("Sawmill: Your own monthly limit of $0.00001")
    await reseller.ask("PATCH", f"/user-mappings/{ines.id}", {"monthly_limit": None})
    assert (await ines.person.chat("Hello")).status == 200


CALLS, ROOM, ROUNDS = 60, 25, 10


async def test_two_workers_never_overshoot(
    theatre: Theatre, simulator: Simulator, pair: HostProcess, session: aiohttp.ClientSession
) -> None:
    reseller = Reseller(pair, theatre.person(session, pair, ADMIN))
    # At cost, so that a call may be billed exactly what was held for it.
    client = await reseller.client("Mill", markup_rate="1", provision_key=False)
    karl = await reseller.newcomer("Karl", client)
    await call_both_workers(theatre, pair, karl)
    probe = Audit(theatre.simulator, pair)
    assert await ask_anew(pair, karl, 0, max_tokens=50) == 200
    await probe.settled(1)
    hold = Decimal(largest_hold(pair, [one.id for one in probe.holds()])).scaleb(-12)
    limit = Decimal((await reseller.show(client))["spent"])
    simulator.switch(cost_override=hold, first_delay=0.5)
    audit, refused = Audit(theatre.simulator, pair), theatre.dialect.refused

    # Which worker takes a connection is the system's choice, so again until both took some.
    for number in range(1, ROUNDS + 1):
        limit += ROOM * hold
        await reseller.change(client, monthly_limit=f"{limit:f}")
        calls = (ask_anew(pair, karl, one, max_tokens=50) for one in range(CALLS))
        statuses = await asyncio.gather(*calls)
        assert sorted(statuses) == [200] * ROOM + [refused] * (CALLS - ROOM)
        await until(all_settled(audit, number * ROOM), lambda: "settled calls")
        shown = await reseller.show(client)
        assert (Decimal(shown["spent"]), shown["held"]) == (limit, "0")
        if len(audit.owners()) == 2:
            break
    assert len(audit.owners()) == 2


def all_settled(audit: Audit, count: int) -> Callable[[], Awaitable[bool]]:
    async def met() -> bool:
        return not audit.unsettled() and len(audit.entries()) == count

    return met


def largest_hold(host: HostProcess, ids: Sequence[str]) -> int:
    """Picodollars."""
    places = ", ".join("?" for _ in ids)
    sql = f"SELECT MAX(estimate_pusd) FROM usage_holds WHERE id IN ({places})"
    with closing(sqlite3.connect(host.usage_database, timeout=10)) as connection:
        return int(connection.execute(sql, ids).fetchone()[0])
