"""The state of one metered call, from its dispatch to the entry that books it."""

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from mai_usage_ext.guard import shielded, swallow
from mai_usage_ext.metering.answers import Answer, Ending, read_body
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.metering.stream import StreamWatcher
from mai_usage_ext.ports import Hold, Source
from mai_usage_ext.ports.tracing import UNTRACED, CallTrace
from mai_usage_ext.services.entries import Timing
from mai_usage_ext.services.recording import Recording

__all__ = ["Commit", "Later", "Watch"]

# An answer that takes longer than this has its id written down while it runs, so that a crash does
# not lose it. Shorter ones carry it in their settlement, which saves a commit.
IDENTIFY_AFTER_S = 0.05

# A body past this is not kept; its generation is asked for instead.
MAX_BODY_BYTES = 32 * 1024 * 1024

# Vectors are nearly all of an embedding's answer, hold no bracket, and say nothing about its cost.
_VECTOR = re.compile(rb'"embedding"\s*:\s*\[[^\]\[{}"]*\]')

Commit = Future[Any]
Later = Callable[..., asyncio.TimerHandle | None]


class Watch:
    """Bytes of one answer pass by ``saw``; ``finish`` books what they said, once.

    ``later`` runs something after so many seconds; threads have to give one, as no event loop runs
    there. ``decode`` reads bytes that are passed as they were encoded.
    """

    __slots__ = (
        "__weakref__",
        "_commit",
        "_decode",
        "_first_byte_at",
        "_header_id",
        "_hold",
        "_identified",
        "_identifying",
        "_later",
        "_parts",
        "_recording",
        "_size",
        "_started_at",
        "_status",
        "_stream",
        "_trace",
        "is_finished",
    )

    def __init__(
        self,
        hold: Hold,
        recording: Recording,
        *,
        status: int,
        header_id: str | None,
        is_stream: bool,
        started_at: float,
        trace: CallTrace = UNTRACED,
        later: Later | None = None,
        decode: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._hold = hold
        self._recording = recording
        self._status = status
        self._header_id = header_id
        self._stream = StreamWatcher(header_id=header_id) if is_stream else None
        self._later: Later = later or asyncio.get_running_loop().call_later
        self._decode = decode
        self._parts: list[bytes] = []
        self._size = 0
        self._started_at = started_at
        self._trace = trace
        self._first_byte_at: float | None = None
        self._identified = False
        self._identifying: asyncio.TimerHandle | None = None
        self._commit: Commit | None = None
        self.is_finished = False
        self._note_id(header_id)

    def saw(self, data: bytes) -> bool:
        """The host is about to get these bytes; true when they end the answer by themselves.

        Never raises, never changes them. This runs for every chunk of every chat.
        """
        if self.is_finished:
            return False
        stream = self._stream
        try:
            if self._first_byte_at is None and data:
                self._first_byte_at = time.monotonic()
            if self._decode is not None:
                data = self._decode(data)
            if stream is None:
                self._keep(data)
                return False
            stream.feed(data)
            if not self._identified:
                self._note_id(stream.generation_id)
        except Exception as error:  # noqa: BLE001 - shielded(), without its cost for each chunk
            swallow("watching an answer", error)
        return stream is not None and stream.ended

    @property
    def has_ended(self) -> bool:
        """The stream said ``[DONE]``, though its body may not be over yet."""
        return self._stream is not None and self._stream.ended

    def finish(self, *, interrupted: bool = False) -> Commit | None:
        """Book the answer; later calls return the same commit. Enqueues before it returns."""
        if self.is_finished:
            return self._commit
        self.is_finished = True
        if self._identifying is not None:
            self._identifying.cancel()
        with shielded("recording a call"):
            self._commit = self._recording.ended(
                self._hold,
                self._answer(interrupted=interrupted and not self.has_ended),
                source=Source.STREAM if self._stream is not None else Source.BODY,
                timing=self._timing(),
                status=self._status,
                trace=self._trace,
            )
        self._parts.clear()
        return self._commit

    def _keep(self, data: bytes) -> None:
        if self._size <= MAX_BODY_BYTES:
            self._parts.append(data)
            self._size += len(data)

    def _answer(self, *, interrupted: bool) -> Answer:
        if self._stream is not None:
            return self._stream.answer(interrupted=interrupted)
        if interrupted:
            return Answer(
                ending=Ending.FAILED if self._status >= 400 else Ending.INTERRUPTED,
                generation_id=self._header_id,
                problem="the answer was interrupted before its end",
            )
        return read_body(self._payload(), status=self._status, header_id=self._header_id)

    def _payload(self) -> Any:
        if self._size > MAX_BODY_BYTES:
            return None
        body = b"".join(self._parts)
        if b'"embedding"' in body:
            body = _VECTOR.sub(b'"embedding":[]', body)
        try:
            return parse_json(body)
        except (ValueError, RecursionError):
            return None

    def _timing(self) -> Timing:
        now = time.monotonic()
        first = self._first_byte_at
        return Timing(
            first_byte_ms=None if first is None else int((first - self._started_at) * 1000),
            duration_ms=int((now - self._started_at) * 1000),
        )

    def _note_id(self, generation_id: str | None) -> None:
        if generation_id is not None and not self._identified:
            self._identified = True
            self._identifying = self._later(IDENTIFY_AFTER_S, self._identify, generation_id)

    def _identify(self, generation_id: str) -> None:
        if self.is_finished:
            return
        with shielded("identifying a call"):
            self._recording.identified(self._hold, generation_id)
