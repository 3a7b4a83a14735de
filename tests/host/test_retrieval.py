"""A host that embeds documents through OpenRouter, with one client switched off."""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import Person
from tests.host.audit import Audit
from tests.host.functions import add_pipe
from tests.host.theatre import ADMIN, EMBEDDINGS, Theatre
from tests.workshop.postgres import PostgresServer

pytestmark = [pytest.mark.host, pytest.mark.postgres]

DOCUMENT = b"Sourdough wants flour, water, salt and time. Time most of all."


@pytest.fixture(scope="session")
def library(theatre: Theatre, postgres: PostgresServer) -> Iterator[HostProcess]:
    """Its vectors live in PostgreSQL, and it meters no ``httpx``."""
    vectors = postgres.create_database()
    environment = {
        "BYPASS_EMBEDDING_AND_RETRIEVAL": "false",
        "RAG_OPENAI_API_BASE_URL": theatre.simulator.url,
        "RAG_OPENAI_API_KEY": theatre.simulator.inference_key,
        "RAG_EMBEDDING_MODEL": EMBEDDINGS,
        "VECTOR_DB": "pgvector",
        "PGVECTOR_DB_URL": vectors.replace("postgresql://", "postgresql+psycopg://"),
        "MAI_USAGE_METER_HTTPX": "false",
    }
    host = theatre.new("library", environment=environment)
    with host:
        yield host
    postgres.drop_database(vectors)


async def test_a_document_is_embedded_on_its_owners_account(
    theatre: Theatre, library: HostProcess, session: aiohttp.ClientSession
) -> None:
    anna = theatre.people["Anna"].account
    audit = Audit(theatre.simulator, library)
    form = aiohttp.FormData()
    form.add_field("file", DOCUMENT, filename="bread.txt", content_type="text/plain")

    async with session.post(
        library.url + "/api/v1/files/",
        data=form,
        headers={"Authorization": f"Bearer {anna.token}"},
    ) as answer:
        assert answer.status == 200, await answer.text()

    [entry] = await audit.settled(1)
    assert (entry.purpose, entry.model, entry.user_id) == ("embeddings", EMBEDDINGS, anna.id)
    assert entry.completion_tokens == 0


async def test_a_client_that_is_switched_off_goes_unmetered_and_the_log_says_so(
    theatre: Theatre, library: HostProcess, session: aiohttp.ClientSession
) -> None:
    await add_pipe(theatre, theatre.person(session, library, ADMIN), "httpx_pipe")
    await add_pipe(theatre, theatre.person(session, library, ADMIN), "requests_pipe")
    audit = Audit(theatre.simulator, library)

    for pipe in ("httpx_pipe", "requests_pipe"):
        anna: Person = theatre.person(session, library, "Anna", model=pipe)
        answer = await anna.chat("How are you?")
        assert answer.json()["choices"][0]["message"]["content"], answer

    # Both were charged for upstream; the stream is the one that went by.
    await audit.calls(2)
    [hold] = await audit.hold_in("settled")
    [unmetered] = set(await audit.bill()) - {hold.generation_id}
    assert (await audit.bill())[unmetered]["streamed"] is True
    assert len(audit.holds()) == 1
    assert "MAI_USAGE_METER_HTTPX is false" in library.log_text()
