"""Files that are written while they are sent, by a real server to a real client."""

import asyncio
import http.client
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from mai_usage_ext.api.downloads import MOST_PER_USER, Download, Downloads
from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports.tables import Table
from mai_usage_ext.services.exports import Export
from tests.workshop.ports import LOOPBACK, free_port

PIECE = b"x" * 65_536


@dataclass
class Source:
    """A file of ``pieces``, without an end where it is ``None``; what happens to it is told."""

    pieces: int | None = 3
    failure: Exception | None = None
    threads: set[int] = field(default_factory=set)
    is_closed: threading.Event = field(default_factory=threading.Event)

    def open(self, watch: Callable[[Table], Table]) -> Export:
        self.threads.add(threading.get_ident())
        table = watch(Table(name="t", columns=(), rows=self._rows()))
        return Export(
            file_name="acme_daily.csv",
            content_type="text/csv; charset=utf-8",
            table=table,
            chunks=self._chunks(table),
        )

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        number = 0
        while self.pieces is None or number < self.pieces:
            yield (number,)
            number += 1
        if self.failure is not None:
            raise self.failure

    def _chunks(self, table: Table) -> Generator[bytes, None, None]:
        try:
            for _ in table.rows:
                self.threads.add(threading.get_ident())
                yield PIECE
        finally:
            self.threads.add(threading.get_ident())
            self.is_closed.set()


@contextmanager
def served(source: Source) -> Iterator[http.client.HTTPResponse]:
    """The answer of a real server that offers the file."""
    app, downloads = FastAPI(), Downloads()

    @app.get("/file")
    async def file() -> Download:
        return await downloads.begin("ada", source.open)

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="critical"))
    has_started = threading.Event()
    startup = server.startup

    async def told(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        has_started.set()

    server.startup = told  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert has_started.wait(20)
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=20)
        connection.request("GET", "/file")
        answer = connection.getresponse()
        try:
            yield answer
        finally:
            answer.close()
            connection.close()
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def test_a_file_comes_whole_and_from_one_thread() -> None:
    source = Source()
    with served(source) as answer:
        assert answer.status == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="acme_daily.csv"'
        assert answer.headers["cache-control"] == "no-store"
        assert answer.read() == PIECE * 3
    assert source.is_closed.wait(20)
    assert len(source.threads) == 1


def test_a_failure_on_the_way_breaks_the_connection() -> None:
    source = Source(failure=OSError("the disk is gone"))
    # What the server logs of it is its own affair; the client is left without an end.
    with served(source) as answer, pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    assert source.is_closed.wait(20)


def test_a_client_that_goes_away_ends_the_writing() -> None:
    source = Source(pieces=None)
    with served(source) as answer:
        assert len(answer.read(len(PIECE))) == len(PIECE)
    assert source.is_closed.wait(20)
    assert len(source.threads) == 1


async def test_nobody_has_more_than_a_few_at_once() -> None:
    downloads, source = Downloads(), Source(pieces=1)
    begun = [await downloads.begin("ada", source.open) for _ in range(MOST_PER_USER)]
    with pytest.raises(Rejected, match="more than 3 downloads"):
        await downloads.begin("ada", source.open)
    begun.append(await downloads.begin("boris", source.open))
    for download in begun:
        await drained(download)
    await drained(await downloads.begin("ada", source.open))


async def test_what_is_wrong_from_the_start_is_raised_and_counts_for_nothing() -> None:
    def broken(_watch: object) -> Export:
        raise BadInput("format", got="pdf", expected="csv")

    downloads = Downloads()
    for _ in range(MOST_PER_USER + 1):
        with pytest.raises(BadInput):
            await downloads.begin("ada", broken)


async def test_who_waits_for_the_first_piece_and_goes_is_let_go() -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()
    source = Source()

    def slow(watch: Callable[[Table], Table]) -> Export:
        has_begun.set()
        assert may_go_on.wait(20)
        return source.open(watch)

    downloads = Downloads()
    waiting = asyncio.create_task(downloads.begin("ada", slow))
    assert await asyncio.to_thread(has_begun.wait, 20)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    may_go_on.set()
    for _ in range(MOST_PER_USER):
        await drained(await downloads.begin("ada", source.open))


async def drained(download: Download) -> bytes:
    """What a client gets that stays until the end."""
    body = b""

    async def send(message: Any) -> None:
        nonlocal body
        body += message.get("body", b"")

    async def receive() -> Any:
        await asyncio.Event().wait()

    await download({"type": "http"}, receive, send)
    return body
