"""Somebody at the host's own screen, without the browser.

The same requests and the same websocket as the browser app of Open WebUI 0.12.4: a turn is posted
with the socket's session, the answer and what the background tasks made of it arrive as events.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import socketio  # type: ignore[import-untyped]

from mai_usage_ext.demo.person import CHAT, Answer, Person

__all__ = ["Screen", "ScreenError", "Turn"]

_WAIT_S = 60.0

# What the browser asks for behind a turn, and the event that tells it is there.
TASKS = {
    "title_generation": "chat:title",
    "tags_generation": "chat:tags",
    "follow_up_generation": "chat:message:follow_ups",
}


class ScreenError(Exception):
    """The host did not play along: what was awaited, and what came instead."""


@dataclass(slots=True)
class Turn:
    """One question and its answer. ``events`` are all that arrived, in order."""

    chat_id: str
    message_id: str
    task_ids: list[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> set[str]:
        return {str(event.get("type")) for event in self.events}

    @property
    def is_done(self) -> bool:
        """The answer is complete, or an error took its place."""
        return any(
            event.get("type") == "chat:message:error" or (event.get("data") or {}).get("done")
            for event in self.events
            if isinstance(event.get("data"), dict)
        )

    @property
    def was_stopped(self) -> bool:
        # The second name is that of 0.6.18.
        return not self.kinds.isdisjoint({"chat:tasks:cancel", "task-cancelled"})

    @property
    def has_text(self) -> bool:
        """Some of the answer arrived."""
        return any(str(kind).endswith("completion") for kind in self.kinds)


class Screen:
    """A signed-in browser window. Use as an async context manager."""

    # What the host calls its events.
    channel = "events"

    def __init__(self, person: Person) -> None:
        self.person = person
        self._socket = socketio.AsyncClient(reconnection=False)
        self._turns: dict[str, Turn] = {}
        self._early: dict[str, list[dict[str, Any]]] = {}
        self._news = asyncio.Condition()
        self._socket.on(self.channel, self._receive)

    async def __aenter__(self) -> Self:
        try:
            await self._socket.connect(
                self.person.url,
                socketio_path="/ws/socket.io",
                transports=["websocket"],
                auth={"token": self.person.token},
                # Its own default, one second, is too short for a busy host.
                wait_timeout=_WAIT_S,
            )
        except socketio.exceptions.ConnectionError as error:
            raise ScreenError(f"the host's websocket does not answer: {error}") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.disconnect()

    @property
    def session_id(self) -> str | None:
        """What ties a turn to this window."""
        session: str | None = self._socket.get_sid()
        return session

    async def ask(self, text: str, *, tasks: tuple[str, ...] = tuple(TASKS)) -> Turn:
        """Start a turn in a new chat; it goes on by itself."""
        message_id = str(uuid.uuid4())
        question = {
            "id": str(uuid.uuid4()),
            "parentId": None,
            "childrenIds": [message_id],
            "role": "user",
            "content": text,
            "models": [self.person.model],
        }
        answer = await self.person.post(
            CHAT,
            {
                "stream": True,
                "model": self.person.model,
                "messages": [{"role": "user", "content": text}],
                "params": {},
                "features": {},
                "variables": {},
                "session_id": self.session_id,
                "id": message_id,
                "parent_id": None,
                "user_message": question,
                "background_tasks": {task: task in tasks for task in TASKS},
            },
        )
        return self._turn(answer, message_id)

    async def finish(self, turn: Turn, *, tasks: tuple[str, ...] = tuple(TASKS)) -> Turn:
        """Wait for the answer and for everything its background tasks bring."""
        awaited = {TASKS[task] for task in tasks}
        await self._until(turn, lambda: turn.is_done and awaited <= turn.kinds, "the whole turn")
        return turn

    async def wait_for_text(self, turn: Turn) -> Turn:
        """Wait until the first piece of the answer shows."""
        await self._until(turn, lambda: turn.has_text, "the first piece of the answer")
        return turn

    async def stop(self, turn: Turn) -> Answer:
        """The stop button, as 0.12.4 has it for everybody.

        A short answer may be complete before the stop arrives; then there is nothing to stop.
        """
        answer = await self.person.post(f"/api/tasks/chat/{turn.chat_id}/stop")
        await self._until(turn, lambda: turn.was_stopped or turn.is_done, "the stop")
        return answer

    async def stop_task(self, turn: Turn) -> Answer:
        """The older way to stop, by task; in 0.12.4 for admins alone."""
        answer = await self.person.post(f"/api/tasks/stop/{turn.task_ids[0]}")
        await self._until(turn, lambda: turn.was_stopped or turn.is_done, "the stop")
        return answer

    def _turn(self, answer: Answer, message_id: str) -> Turn:
        if answer.status != 200:
            raise ScreenError(f"the host answered {answer.status}: {answer.text[:300]}")
        reply = answer.json()
        task_ids = [str(task) for task in reply["task_ids"]]
        return self.follow(Turn(str(reply["chat_id"]), message_id, task_ids))

    def follow(self, turn: Turn) -> Turn:
        """Give a turn its events, those included that came before it was known."""
        turn.events += self._early.pop(turn.chat_id, [])
        self._turns[turn.chat_id] = turn
        return turn

    async def _receive(self, message: dict[str, Any], *_: object) -> None:
        chat_id, event = str(message.get("chat_id")), message.get("data") or {}
        turn = self._turns.get(chat_id)
        # Events may overtake the answer that tells the new chat's id.
        (turn.events if turn else self._early.setdefault(chat_id, [])).append(event)
        async with self._news:
            self._news.notify_all()

    async def _until(self, turn: Turn, met: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(_WAIT_S), self._news:
                await self._news.wait_for(met)
        except TimeoutError:
            seen = ", ".join(sorted(turn.kinds)) or "nothing"
            raise ScreenError(f"{what} did not come in {_WAIT_S:.0f} s; events: {seen}") from None
