"""The body of a metered answer, read by the host as if it were aiohttp's own.

Everything passes at once and unchanged. Only the end is held back, for the moment its entry needs
to commit, so that who saw the end of a chat can also see its cost.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp.streams import AsyncStreamIterator, ChunkTupleAsyncStreamIterator

from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.host.watch import Commit, Watch

__all__ = ["MeteredBody", "committed"]

# An answer that nobody has read for so long, while nobody waits for its next bytes either, was
# left: its reader was cancelled, or never came, and did not close it. Whoever comes back after all
# still gets every byte; only the cost is asked for elsewhere.
LEFT_AFTER_S = 30.0


class MeteredBody:
    """The read surface of ``aiohttp.StreamReader`` over one, with a ``Watch`` on it."""

    def __init__(self, inner: aiohttp.StreamReader, watch: Watch, *, commit_wait_s: float) -> None:
        self._inner = inner
        self._watch = watch
        self._commit_wait_s = commit_wait_s
        # Counts the beginnings and the ends of reads, so it is odd while one waits.
        self._turns = 0
        self._look_later()
        # An answer nobody closes is dropped at last; its hold must not stay open for ever.
        dropped = weakref.finalize(self, _dropped, asyncio.get_running_loop(), watch)
        dropped.atexit = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    # Hosts read streams by these two, chunk by chunk, so they do without the detour of _pass.

    async def readany(self) -> bytes:
        self._turns += 1
        try:
            data = await self._inner.readany()
        except Exception:
            self._watch.finish(interrupted=True)
            raise
        finally:
            self._turns += 1
        if self._watch.saw(data) or self._inner.at_eof():
            await self._committed()
        return data

    async def readchunk(self) -> tuple[bytes, bool]:
        self._turns += 1
        try:
            data, is_end_of_chunk = await self._inner.readchunk()
        except Exception:
            self._watch.finish(interrupted=True)
            raise
        finally:
            self._turns += 1
        if self._watch.saw(data) or self._inner.at_eof():
            await self._committed()
        return data, is_end_of_chunk

    async def read(self, n: int = -1) -> bytes:
        return await self._pass(self._inner.read, n)

    async def readline(self, **kwargs: Any) -> bytes:
        return await self._pass(self._inner.readline, **kwargs)

    async def readuntil(self, *args: Any, **kwargs: Any) -> bytes:
        return await self._pass(self._inner.readuntil, *args, **kwargs)

    async def readexactly(self, n: int) -> bytes:
        return await self._pass(self._inner.readexactly, n)

    def read_nowait(self, n: int = -1) -> bytes:
        # Nothing can be awaited here, so the end is booked and its commit not waited for.
        data = self._inner.read_nowait(n)
        if self._watch.saw(data) or self._inner.at_eof():
            self._watch.finish()
        return data

    def iter_chunked(self, n: int) -> AsyncStreamIterator[bytes]:
        return AsyncStreamIterator(lambda: self.read(n))

    def iter_any(self) -> AsyncStreamIterator[bytes]:
        return AsyncStreamIterator(self.readany)

    def iter_chunks(self) -> ChunkTupleAsyncStreamIterator:
        return ChunkTupleAsyncStreamIterator(self)  # type: ignore[arg-type]

    def __aiter__(self) -> AsyncStreamIterator[bytes]:
        return AsyncStreamIterator(self.readline)

    def set_exception(self, exc: BaseException, *args: Any) -> None:
        """aiohttp calls this when the answer is closed or released, read to its end or not."""
        self._watch.finish(interrupted=not self._inner.at_eof())
        self._inner.set_exception(exc, *args)

    async def _pass(
        self, read: Callable[..., Awaitable[bytes]], *args: Any, **kwargs: Any
    ) -> bytes:
        self._turns += 1
        try:
            data = await read(*args, **kwargs)
        except Exception:
            # A cancelled read is no end: the reader may come back.
            self._watch.finish(interrupted=True)
            raise
        finally:
            self._turns += 1
        if self._watch.saw(data) or self._inner.at_eof():
            await self._committed()
        return data

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(LEFT_AFTER_S, _look, weakref.ref(self), self._turns)

    def _look(self, turns_then: int) -> None:
        if self._watch.is_finished:
            return
        if self._turns == turns_then and self._turns % 2 == 0:
            tally.add("answers left unread")
            self._watch.finish(interrupted=True)
        else:
            self._look_later()

    async def _committed(self) -> None:
        await committed(self._watch.finish(), self._commit_wait_s)


async def committed(commit: Commit | None, seconds: float) -> None:
    """Wait for an entry's commit, for a bounded time. Cancelling the wait cancels nothing."""
    if commit is None or commit.done():
        return
    with shielded("waiting for a settlement"):
        waiter = asyncio.wrap_future(commit)
        waiter.add_done_callback(_looked_at)
        _, late = await asyncio.wait({waiter}, timeout=seconds)
        if late:
            tally.add("settlements not waited for")


def _look(body: "weakref.ref[MeteredBody]", turns_then: int) -> None:
    found = body()
    if found is not None:
        found._look(turns_then)


def _dropped(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    """Runs in whatever thread collects garbage, so the work is handed to the event loop."""
    if watch.is_finished or loop.is_closed():
        return
    loop.call_soon_threadsafe(lambda: watch.finish(interrupted=True))


def _looked_at(waiter: "asyncio.Future[Any]") -> None:
    """The writer counted and logged a failure already; asyncio need not report it again."""
    if not waiter.cancelled():
        waiter.exception()
