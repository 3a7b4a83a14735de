"""The state that all handlers share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from mai_usage_ext.simulator.auth import KeyRing
from mai_usage_ext.simulator.bill import Bill, Clock
from mai_usage_ext.simulator.broadcast import Broadcaster
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.panel import Panel


class ShiftedClock:
    """A clock that tests may move: another clock plus an offset."""

    def __init__(self, source: Clock | None = None) -> None:
        self._source = source or _utc_now
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return self._source() + self.offset

    def set(self, instant: datetime) -> None:
        """Make it `instant` now; time goes on from there."""
        self.offset = instant - self._source()


class Service:
    """Keys, bill, switches and clock of one simulated OpenRouter."""

    def __init__(self, *, clock: Clock | None = None, switches: Mapping[str, Any] | None = None):
        self.clock = ShiftedClock(clock)
        self.keys = KeyRing(self.clock)
        self.bill = Bill(self.clock)
        self.panel = Panel(switches)
        self.broadcaster = Broadcaster(self.keys)
        self.bill.on_finish.append(self.broadcaster.finished)


def json_answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response with exact numbers."""
    return web.Response(
        text=dumps(value), status=status, content_type="application/json", headers=headers
    )


def error_answer(error: ApiError) -> web.Response:
    return json_answer(error.body, status=error.status, headers=error.headers)


def _utc_now() -> datetime:
    return datetime.now(UTC)
