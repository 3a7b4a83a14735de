"""Watching a server-sent event stream without touching it.

Bytes arrive in whatever pieces the network made of them. The watcher keeps only the event that is
still incomplete, and of the complete ones parses two: the first, for the generation's id, and, at
the end, the last that carried usage. Everything between costs a search, not a parse, because this
runs once for every chunk of every chat.

Usage is final only at ``[DONE]``, the end of the body or an error: some providers send running
totals in every chunk. Source of the framing: the WHATWG specification of server-sent events.
"""

import re

from mai_usage_ext.metering.answers import Answer, Ending, Fragment, read_event, trusted
from mai_usage_ext.metering.money import parse_json

__all__ = ["MAX_EVENT_BYTES", "StreamWatcher"]

# One event holds one chunk of an answer. What is longer is skipped: it may carry an image, or be an
# attempt to fill our memory, and the generation can be asked for instead.
MAX_EVENT_BYTES = 4 * 1024 * 1024

# A blank line ends an event: two line ends in a row, where a line ends with CR, LF or CRLF.
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\n\r|\r\r")
_LINE_END = re.compile(rb"\r\n|\r|\n")

_WHOLE = (b"\n\n", b"\r\n\r\n")

# Ordinary chunks may say "usage": null; those are not worth a parse.
_USAGE = re.compile(rb'"usage"\s*:\s*[^\sn]')


class StreamWatcher:
    """One answer's bytes, fed as they pass. ``ended`` turns true at ``[DONE]``."""

    __slots__ = (
        "_buffer",
        "_failed",
        "_first",
        "_last_usage",
        "_oversized",
        "_problem",
        "ended",
        "generation_id",
    )

    def __init__(self, *, header_id: str | None = None) -> None:
        self.generation_id = header_id
        self.ended = False
        self._buffer = bytearray()
        self._first: Fragment | None = None
        self._last_usage: bytes | None = None
        self._failed = False
        self._oversized = False
        self._problem: str | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes, in any split."""
        buffer = self._buffer
        if not buffer and self._first is not None and data.endswith(_WHOLE):
            # Whole events with nothing to note: nearly every chunk of nearly every stream.
            if _noteworthy(data):
                self._read(data)
            return
        # A blank line may have begun in the bytes before these.
        searched = max(0, len(buffer) - 3)
        buffer += data
        cut = _end_of_last_event(buffer, searched)
        if cut == 0:
            if len(buffer) > MAX_EVENT_BYTES:
                self._skip_rest_of_event()
            return
        if self._first is None or _noteworthy(buffer):
            self._read(bytes(buffer[:cut]))
        del buffer[:cut]

    def answer(self, *, interrupted: bool = False) -> Answer:
        """What the stream said, once it is over."""
        if not interrupted and self._buffer:
            # The last event may lack its blank line; for a bill it counts all the same.
            self._read(bytes(self._buffer) + b"\n\n")
            self._buffer.clear()
        last = self._parse(self._last_usage) if self._last_usage else None
        known = last or self._first
        final = self.ended or self._failed or not interrupted
        usage, problem = trusted(last.usage if last else None)
        if not final:
            usage, problem = None, "the stream was interrupted before its end"
        return Answer(
            ending=self._ending(final=final),
            generation_id=self.generation_id,
            model=known.model if known else None,
            provider=(known.provider if known else None)
            or (self._first.provider if self._first else None),
            usage=usage,
            problem=None if usage else (self._problem or problem),
        )

    def _ending(self, *, final: bool) -> Ending:
        if self._failed:
            return Ending.FAILED
        return Ending.COMPLETE if final else Ending.INTERRUPTED

    def _read(self, block: bytes) -> None:
        for event in _BLANK_LINE.split(block):
            if self._oversized:
                # The tail of an event whose head was dropped means nothing on its own.
                self._oversized = False
                continue
            data = _data_of(event)
            if not data:
                continue
            if data.strip() == b"[DONE]":
                self.ended = True
            else:
                self._note(data)

    def _note(self, data: bytes) -> None:
        if self._first is not None and not _noteworthy(data):
            return
        fragment = self._parse(data)
        if fragment is None:
            return
        if self._first is None:
            self._first = fragment
        if self.generation_id is None:
            self.generation_id = fragment.generation_id
        if fragment.usage is not None:
            self._last_usage = data
        self._failed = self._failed or fragment.is_error
        self.ended = self.ended or fragment.is_last

    def _parse(self, data: bytes) -> Fragment | None:
        try:
            return read_event(parse_json(data))
        except (ValueError, RecursionError) as error:
            self._problem = f"an event is not JSON: {type(error).__name__}"
            # A broken event that spoke of usage may have been the final one; trusting an earlier
            # running total instead would bill less than the call cost.
            if b'"usage"' in data:
                self._last_usage = None
            return None

    def _skip_rest_of_event(self) -> None:
        self._oversized = True
        self._problem = "an event is too long"
        del self._buffer[:-3]


def _noteworthy(data: bytes | bytearray) -> bool:
    """Whether the bytes may hold usage, an error or the end.

    Inside a JSON string a quote is escaped, so a text that talks about "usage" does not match.
    """
    if b'"error"' in data or b"[DONE]" in data:
        return True
    return b'"usage"' in data and _USAGE.search(data) is not None


def _end_of_last_event(buffer: bytearray, start: int) -> int:
    """Index just behind the last blank line at or after ``start``; 0 when there is none."""
    end = buffer.rfind(b"\n\n", start) + 2
    if b"\r" in buffer:
        carriage = max(buffer.rfind(b"\n\r", start), buffer.rfind(b"\r\r", start)) + 2
        end = max(end, carriage)
    return end if end > 1 else 0


def _data_of(event: bytes) -> bytes:
    """The ``data`` field of one event, its lines joined; comments and other fields fall away."""
    lines = [
        line[6:] if line.startswith(b"data: ") else line[5:]
        for line in _LINE_END.split(event)
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines)
