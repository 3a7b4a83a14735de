"""Files that are written while they are sent.

Each is written in a thread of its own, because connections to a database belong to threads. The
first piece is there before the answer begins, so whatever is wrong by then is an ordinary problem.
A failure after it goes on to the server, which closes the connection without the end that would
make the file look whole.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.ports.tables import Table
from mai_usage_ext.services.exports import Export

__all__ = ["Download", "Downloads"]

MOST_PER_USER = 3

_T = TypeVar("_T")
Watch = Callable[[Table], Table]


class Downloads:
    """Those under way in this process, a few for each user. For one event loop."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    async def begin(self, user_id: str, opened: Callable[[Watch], Export]) -> "Download":
        """``opened`` is called in the download's thread, which reads the rows through the watch.

        Raises what it raises, and ``Rejected`` for one download too many.
        """
        if self._open[user_id] >= MOST_PER_USER:
            raise Rejected(
                429, "Too many downloads", f"more than {MOST_PER_USER} downloads of one user"
            )
        self._open[user_id] += 1
        thread = _Thread(at_end=lambda: self._close(user_id))
        try:
            export, first = await thread.run(lambda: _begun(opened(thread.watch)))
        except BaseException:
            thread.end()
            raise
        return Download(thread, export, first)

    def _close(self, user_id: str) -> None:
        self._open[user_id] -= 1
        if not self._open[user_id]:
            del self._open[user_id]


def _begun(export: Export) -> tuple[Export, bytes | None]:
    return export, next(export.chunks, None)


class _Thread:
    """Where a file is written, asked for one piece after the other."""

    def __init__(self, *, at_end: Callable[[], None]) -> None:
        self._at_end = at_end
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="mai-usage-export")
        self._is_over = threading.Event()

    async def run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def watch(self, table: Table) -> Table:
        def rows() -> Iterator[tuple[Any, ...]]:
            for row in table.rows:
                if self._is_over.is_set():
                    raise _GoneError
                yield row

        return replace(table, rows=rows())

    def end(self, close: Callable[[], None] = lambda: None) -> None:
        """Also while a piece is being written: its next row is the last. Nobody waits for that."""
        self._is_over.set()
        self._executor.submit(close)
        self._executor.shutdown(wait=False)
        self._at_end()


class _GoneError(Exception):
    """Whoever wanted the file has gone."""


class Download(StreamingResponse):
    """Sends the file until its end, its failure, or the client's going."""

    def __init__(self, thread: _Thread, export: Export, first: bytes | None) -> None:
        self._thread = thread
        self._export = export
        self._pieces = _pieces(thread, export, first)
        super().__init__(
            self._pieces,
            media_type=export.content_type,
            headers={
                # Names are made of slugs and days, so nothing in them needs another encoding.
                "Content-Disposition": f'attachment; filename="{export.file_name}"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self.stream_response(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            has_ended = sending.done()
            for task in (sending, gone):
                task.cancel()
            await asyncio.wait((sending, gone))
            await self._pieces.aclose()
            self._thread.end(self._export.chunks.close)
        if has_ended and (error := sending.exception()) and not isinstance(error, OSError):
            raise error


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pieces(
    thread: _Thread, export: Export, first: bytes | None
) -> AsyncGenerator[bytes, None]:
    piece = first
    while piece is not None:
        if piece:
            yield piece
        piece = await thread.run(lambda: next(export.chunks, None))
