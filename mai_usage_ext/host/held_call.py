"""One call that was let in: what became of it, told once, whichever client sends it."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from mai_usage_ext.guard import shielded
from mai_usage_ext.host.gate import Gate
from mai_usage_ext.host.watch import Later, Watch
from mai_usage_ext.metering.answers import identifier
from mai_usage_ext.ports import Hold
from mai_usage_ext.ports.tracing import UNTRACED, CallTrace

__all__ = ["Headers", "HeldCall"]


class Headers(Protocol):
    """An answer's headers, whose names have no case."""

    def get(self, name: str, /) -> str | None: ...


class HeldCall:
    """``gate`` and ``hold``, about to be sent; never raises into the client."""

    __slots__ = ("_hold", "_started_at", "_trace", "gate")

    def __init__(self, gate: Gate, hold: Hold, trace: CallTrace = UNTRACED) -> None:
        self.gate = gate
        self._hold = hold
        self._trace = trace
        self._started_at = time.monotonic()

    def sending(self) -> AbstractContextManager[object]:
        """Around the dispatch: what others trace of it belongs to this call."""
        return self._trace.current()

    def not_sent(self, reason: str) -> None:
        """Nothing reached a model, so the provider cannot have billed anything."""
        with shielded("recording a call that was not sent"):
            self.gate.recording.not_billed(
                self._hold, reason=reason, error=reason, trace=self._trace
            )

    def died(self, error: BaseException) -> None:
        """It ended before anything of an answer was seen; it may have been billed."""
        with shielded("recording a call that died"):
            self.gate.recording.lost(self._hold, reason=type(error).__name__, trace=self._trace)

    def answered(
        self,
        status: int,
        headers: Headers,
        *,
        later: Later | None = None,
        decode: Callable[[bytes], bytes] | None = None,
    ) -> Watch | None:
        """A watch for the answer's bytes; ``None`` where nobody has to look at them.

        ``later`` is given by threads, ``decode`` where the bytes are passed as they were encoded.
        """
        with shielded("watching an answer"):
            header_id = identifier(headers.get("X-Generation-Id"))
            if not self._was_redirected(status, header_id):
                return self._watch(status, header_id, headers, later=later, decode=decode)
        return None

    def status_only(self, status: int, headers: Headers | None) -> None:
        """An answer whose body nobody will read: an error, or the way to another place."""
        with shielded("recording an error status"):
            header_id = identifier(headers.get("X-Generation-Id") if headers else None)
            if not self._was_redirected(status, header_id):
                watch = self._watch(status, header_id, None, later=_never)
                watch.finish(interrupted=True)

    def _was_redirected(self, status: int, header_id: str | None) -> bool:
        """Whoever only names another place has not been to a model."""
        if header_id is not None or not 300 <= status < 400:
            return False
        self.gate.recording.not_billed(
            self._hold, reason=f"redirected with {status}", trace=self._trace
        )
        return True

    def _watch(
        self, status: int, header_id: str | None, headers: Headers | None, **options: Any
    ) -> Watch:
        content_type = headers.get("Content-Type") if headers is not None else None
        return Watch(
            self._hold,
            self.gate.recording,
            status=status,
            header_id=header_id,
            is_stream="text/event-stream" in (content_type or ""),
            started_at=self._started_at,
            trace=self._trace,
            **options,
        )


def _never(*_: object) -> None:
    """What is over at once has its id in its settlement."""
