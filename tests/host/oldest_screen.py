"""Somebody at the screen of Open WebUI 0.6.18, without the browser."""

from __future__ import annotations

import time
import uuid
from typing import Any

from mai_usage_ext.demo.person import CHAT, Answer
from mai_usage_ext.demo.screen import TASKS, Screen, ScreenError, Turn

__all__ = ["OldestScreen"]


class OldestScreen(Screen):
    """There the browser makes the chat itself, names it in the turn, and gets one task back."""

    channel = "chat-events"

    async def ask(self, text: str, *, tasks: tuple[str, ...] = tuple(TASKS)) -> Turn:
        message_id = str(uuid.uuid4())
        chat_id = await self._new_chat(text, message_id)
        answer = await self.person.post(
            CHAT,
            {
                "stream": True,
                "model": self.person.model,
                "messages": [{"role": "user", "content": text}],
                "session_id": self.session_id,
                "chat_id": chat_id,
                "id": message_id,
                "background_tasks": {task: task in tasks for task in TASKS},
            },
        )
        if answer.status != 200:
            raise ScreenError(f"the host answered {answer.status}: {answer.text[:300]}")
        return self.follow(Turn(chat_id, message_id, [str(answer.json()["task_id"])]))

    async def stop(self, turn: Turn) -> Answer:
        """Its stop button ends the task, whosever it is."""
        return await self.stop_task(turn)

    async def _new_chat(self, text: str, message_id: str) -> str:
        question_id = str(uuid.uuid4())
        now = int(time.time())
        question: dict[str, Any] = {
            "id": question_id,
            "parentId": None,
            "childrenIds": [message_id],
            "role": "user",
            "content": text,
            "timestamp": now,
            "models": [self.person.model],
        }
        reply: dict[str, Any] = {
            "id": message_id,
            "parentId": question_id,
            "childrenIds": [],
            "role": "assistant",
            "content": "",
            "model": self.person.model,
            "timestamp": now,
        }
        messages = {question_id: question, message_id: reply}
        chat = {
            "title": "New Chat",
            "models": [self.person.model],
            "history": {"messages": messages, "currentId": message_id},
        }
        answer = await self.person.post("/api/v1/chats/new", {"chat": chat})
        if answer.status != 200:
            raise ScreenError(f"the host made no chat: {answer.status} {answer.text[:300]}")
        return str(answer.json()["id"])
