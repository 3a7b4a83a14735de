"""What the models say: token counts and short, repeatable answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from typing import Any, Final

_TOKEN = re.compile(r"\w{1,5}|[^\w\s]")
_PIECE = re.compile(r"\s*\S+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_HISTORY = re.compile(r"<chat_history>(.*?)</chat_history>", re.DOTALL)
_SPEAKER = re.compile(r"^\s*(USER|ASSISTANT|SYSTEM):", re.MULTILINE)

_DULL_WORDS: Final = """
    about could does from have help into just like make need please some tell that them then
    there they this want what when where which will with would your
"""
_DULL: Final = frozenset(_DULL_WORDS.split())

_ANSWERS: Final = (
    (
        "Good question about {topic}. In short: start small, measure what happens, and keep the"
        " part that worked. I can go into detail on any step."
    ),
    (
        "Here is how I would approach {topic}: first name the goal in one sentence, then list "
        "what stands in the way, and solve the smallest obstacle today."
    ),
    (
        "There are three things worth knowing about {topic}. It is simpler than it looks, it "
        "rewards a little patience, and most mistakes can be undone."
    ),
    (
        "Happy to help with {topic}. The usual advice is to write down what you already know, "
        "check it against one reliable source, and only then change anything."
    ),
    (
        "Think of {topic} like tending a garden: a little care every week does more than one "
        "long day of work. Shall I suggest a plan for the first week?"
    ),
)


def count_tokens(text: str) -> int:
    """A simple, repeatable token count: word pieces of five letters, and every sign by itself."""
    return len(_TOKEN.findall(text))


def plain_text(content: Any) -> str:
    """The text of a message's `content`, be it a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, (_part_text(part) for part in content)))
    return ""


def last_user_text(messages: Iterable[Any]) -> str:
    """What the user said last, or the empty string."""
    texts = [
        plain_text(message.get("content"))
        for message in messages
        if isinstance(message, Mapping) and message.get("role") == "user"
    ]
    return texts[-1] if texts else ""


def is_task(prompt: str) -> bool:
    """Whether a prompt is one of the host's own background tasks, and not a user speaking."""
    return _task_kind(prompt) is not None


def answer_to(prompt: str) -> str:
    """The reply to a prompt: JSON for the host's background tasks, else a few friendly lines."""
    kind = _task_kind(prompt)
    if kind is None:
        return _ANSWERS[_digest(prompt) % len(_ANSWERS)].format(topic=topic_of(prompt))
    return json.dumps({kind: _task_answer(kind, topic_of(_history_of(prompt)))})


def topic_of(prompt: str) -> str:
    """Two or three telling words of a prompt; "this" if it has none."""
    words = [word.lower() for word in _WORD.findall(prompt)]
    telling = [word for word in dict.fromkeys(words) if word not in _DULL]
    return " ".join(telling[:3]) or "this"


def pieces_of(text: str, count: int | None = None) -> list[str]:
    """Cut a reply into the pieces of a stream; `count` asks for exactly that many."""
    pieces = _PIECE.findall(text) or [text]
    return pieces if count is None else list(islice(cycle(pieces), count))


def _part_text(part: Any) -> str:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def _history_of(prompt: str) -> str:
    found = _HISTORY.search(prompt)
    return _SPEAKER.sub("", found.group(1) if found else prompt)


# The host's prompt templates name the key that they want to see in the answer.
_TASK_KEYS: Final = ("title", "tags", "follow_ups", "queries", "prompt", "text", "tool_calls")


def _task_kind(prompt: str) -> str | None:
    if "### Task:" not in prompt and "Available Tools:" not in prompt:
        return None
    # Only the instructions count: the chat history may talk about JSON itself.
    instructions = prompt.split("<chat_history>", 1)[0]
    return next((key for key in _TASK_KEYS if f'"{key}":' in instructions), None)


def _task_answer(kind: str, topic: str) -> Any:
    answers: dict[str, Any] = {
        "title": topic.title(),
        "tags": ["General", *(word.capitalize() for word in topic.split()[:2])],
        "follow_ups": [
            f"Can you give me an example of {topic}?",
            f"What should I avoid with {topic}?",
            "What would be the first step?",
        ],
        "queries": [topic],
        "prompt": f"A calm, bright picture of {topic}.",
        "text": f"and more about {topic}.",
        "tool_calls": [],
    }
    return answers[kind]


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
