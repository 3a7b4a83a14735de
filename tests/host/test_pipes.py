"""Pipes with clients of their own: what they call is metered like the host's own calls."""

from __future__ import annotations

import re

import pytest

from mai_usage_ext.demo.person import Person
from tests.host.audit import Audit
from tests.host.conftest import Metered
from tests.host.functions import PIPES, add_pipe
from tests.host.reseller import Reseller
from tests.host.theatre import ADMIN, Theatre

pytestmark = pytest.mark.host

_REFUSAL = re.compile(
    r"Pipers by \w+: The monthly limit of \$0\.00001\d* does not allow this call: "
)


def at(pipe: str, somebody: Person) -> Person:
    """The same person, who talks to a pipe."""
    return Person(somebody.session, somebody.url, token=somebody.token, model=pipe)


@pytest.mark.oldest_too
@pytest.mark.parametrize("pipe", PIPES)
async def test_a_pipe_is_metered_as_who_talks_to_it(
    theatre: Theatre, metered: Metered, people: dict[str, Person], audit: Audit, pipe: str
) -> None:
    await add_pipe(theatre, people[ADMIN], pipe)

    for name in ("Anna", "Chen"):
        for stream in (False, True):
            answer = await at(pipe, people[name]).chat("How are you?", stream=stream)
            assert answer.status == 200, answer
            assert b"error" not in answer.body, answer

    entries = await audit.settled(4)
    anna, chen = (theatre.people[name].account.id for name in ("Anna", "Chen"))
    assert sorted((entry.user_id, entry.organization_id) for entry in entries) == sorted(
        [(anna, metered.bakery.id)] * 2 + [(chen, metered.studio.id)] * 2
    )
    streamed = pipe == "httpx_pipe"
    assert {entry.source for entry in entries} == {"stream" if streamed else "body"}


@pytest.mark.parametrize("pipe", PIPES)
async def test_a_pipe_hears_of_a_limit(
    theatre: Theatre, reseller: Reseller, people: dict[str, Person], pipe: str
) -> None:
    await add_pipe(theatre, people[ADMIN], pipe)
    client = await reseller.client(f"Pipers by {pipe}", monthly_limit="0.00001")
    piet = await reseller.newcomer("Piet", client)
    audit = Audit(theatre.simulator, reseller.host)

    answer = await at(pipe, piet.person).chat("How are you?")

    # What a pipe makes of it is its own affair; these say what they were told.
    assert answer.status == 200
    [choice] = answer.json()["choices"]
    assert _REFUSAL.match(choice["message"]["content"]), answer
    assert await audit.bill() == {}
    assert audit.holds() == []
