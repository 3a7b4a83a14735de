"""What differs between the two versions of Open WebUI for who speaks to them.

This is all of it: whatever is not told here is the same, and the same tests hold for both.
"""

from __future__ import annotations

from dataclasses import dataclass

from mai_usage_ext.demo.person import CHAT, EMBEDDINGS, OPENAI_CHAT, Answer
from mai_usage_ext.demo.screen import Screen
from tests.host.oldest_screen import OldestScreen
from tests.workshop.hosts import NEWEST, OLDEST, Host

__all__ = ["Dialect", "dialect_of"]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one version is spoken to."""

    # Where completions are asked for by API.
    completions: tuple[str, ...] = (CHAT, OPENAI_CHAT, "/openai/responses", "/api/v1/messages")
    embeddings: str = EMBEDDINGS
    screen: type[Screen] = Screen
    # What a refused call is answered with at the chat route.
    refused: int = 402
    # What who is not signed in is answered with.
    unsigned: int = 401
    # Whether it tells of a user who is deleted; else a job of ours finds out.
    tells_of_deleted_users: bool = True
    # Whether somebody who was refused in a chat may just ask on there; else there is Regenerate.
    asks_on_after_a_refusal: bool = True
    # Whether a stream that breaks off upstream is ended by an error, or breaks off here too.
    ends_broken_streams: bool = True

    def told(self, answer: Answer) -> tuple[int, str]:
        """The upstream's status and message, as the host tells them."""
        body = answer.json()
        assert set(body) == {"error"}, answer
        assert body["error"]["code"] == answer.status, answer
        return answer.status, str(body["error"]["message"])


@dataclass(frozen=True, kw_only=True)
class OldestDialect(Dialect):
    """0.6.18 shows no model whose name holds "embedding", so those are asked for by passing on."""

    completions: tuple[str, ...] = (CHAT, OPENAI_CHAT, "/openai/responses")
    embeddings: str = "/openai/embeddings"
    screen: type[Screen] = OldestScreen
    refused: int = 400
    unsigned: int = 403
    tells_of_deleted_users: bool = False
    asks_on_after_a_refusal: bool = False
    ends_broken_streams: bool = False

    def told(self, answer: Answer) -> tuple[int, str]:
        """Only the message comes through, with a word before it at some routes; the chat route
        wraps the error in one of its own."""
        body = answer.json()
        assert set(body) == {"detail"}, answer
        if answer.status != self.refused:
            return answer.status, str(body["detail"]).removeprefix("External: ")
        status, _, message = str(body["detail"]).partition(": ")
        return int(status), message


_DIALECTS = {NEWEST: Dialect(), OLDEST: OldestDialect()}


def dialect_of(software: Host) -> Dialect:
    return _DIALECTS[software]
