"""Hearing from the host that a user was deleted.

Open WebUI 0.12 tells what happens to every member of ``open_webui.events.EVENT_SINKS``. Older ones
have no such list; there the job that looks for deleted users finds them.
"""

import asyncio
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from mai_usage_ext.guard import shielded

__all__ = ["UserEvents"]

_MODULE = "open_webui.events"
_DELETED = "user.deleted"


class UserEvents:
    """``on_deleted`` is called with the user's id, in a worker thread."""

    def __init__(self, on_deleted: Callable[[str], object]) -> None:
        self._on_deleted = on_deleted
        self._sinks: list[Any] | None = None
        self._at_work: set[asyncio.Task[None]] = set()

    def attach(self) -> bool:
        """Listen from now on; false where the host has nothing to listen to. May be repeated."""
        if self._sinks is None:
            self._sinks = _event_sinks()
        if self._sinks is None:
            return False
        if not any(sink is self for sink in self._sinks):
            self._sinks.append(self)
        return True

    def detach(self) -> None:
        """Listen no more. What was heard is still carried out. May be repeated."""
        if self._sinks is not None:
            self._sinks[:] = [sink for sink in self._sinks if sink is not self]
            self._sinks = None

    async def handle_event(self, app: Any, event: Any, request: Any = None) -> None:
        """Called by the host, which waits for it while its admin waits for the answer."""
        with shielded("hearing of a deleted user"):
            if event.event != _DELETED:
                return
            user_id = (event.subject or {}).get("id")
            if user_id:
                task = asyncio.create_task(self._forget(str(user_id)))
                # The loop itself holds tasks only weakly.
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)

    async def finished(self) -> None:
        """Wait until everything that was heard has been carried out."""
        while self._at_work:
            await asyncio.wait(self._at_work)

    async def _forget(self, user_id: str) -> None:
        # Whoever this misses, the job finds.
        with shielded("forgetting a deleted user"):
            await asyncio.to_thread(self._on_deleted, user_id)


def _event_sinks() -> list[Any] | None:
    try:
        if importlib.util.find_spec(_MODULE) is None:
            return None
    except ModuleNotFoundError:
        return None
    sinks = getattr(importlib.import_module(_MODULE), "EVENT_SINKS", None)
    return sinks if isinstance(sinks, list) else None
