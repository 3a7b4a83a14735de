"""What one answer will be, decided before its first byte: its pieces and their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from mai_usage_ext.simulator.catalogue import Model
from mai_usage_ext.simulator.charge import Tokens
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.switches import Switches, unmarked
from mai_usage_ext.simulator.text import answer_to, count_tokens, pieces_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The part of a request that decides the answer."""

    text: str
    question: str
    answered_by_tool: bool = False
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer in pieces. `tokens_after(n)` tells what n pieces have used."""

    pieces: list[str]
    prompt_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    searches: int
    finish_reason: str = "stop"
    tool_call: Mapping[str, Any] | None = None
    running: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def tokens_after(self, pieces: int) -> Tokens:
        """The tokens used once so many pieces are out; reasoning comes before the first."""
        visible = self.running[pieces - 1] if pieces else 0
        reasoning = self.reasoning_tokens if pieces else 0
        return Tokens(
            prompt=self.prompt_tokens,
            completion=visible + reasoning,
            cached=self.cached_tokens,
            reasoning=reasoning,
            searches=self.searches,
        )

    @property
    def all_tokens(self) -> Tokens:
        return self.tokens_after(len(self.pieces))


def draft_answer(
    prompt: Prompt, model: Model, switches: Switches, max_tokens: int | None = None
) -> Draft:
    """Write the answer to a prompt; `max_tokens` cuts it short, as it would upstream."""
    tool_call = None if prompt.answered_by_tool else switches.tool_call
    if model.embeds:
        pieces: list[str] = []
    elif tool_call is not None:
        pieces = [dumps(tool_call)]
    else:
        pieces = pieces_of(answer_to(unmarked(prompt.question)), switches.chunks)
    kept, running = _cut(pieces, max_tokens)
    prompt_tokens = count_tokens(unmarked(prompt.text)) + 3
    return Draft(
        pieces=kept,
        running=running,
        prompt_tokens=prompt_tokens,
        cached_tokens=min(switches.cached_tokens, prompt_tokens),
        reasoning_tokens=0 if model.embeds else switches.reasoning_tokens,
        searches=switches.web_search + model.searches,
        finish_reason=_finish_reason(tool_call is not None, len(kept) < len(pieces)),
        tool_call=tool_call,
    )


def _cut(pieces: list[str], max_tokens: int | None) -> tuple[list[str], list[int]]:
    running = list(accumulate(max(1, count_tokens(piece)) for piece in pieces))
    if max_tokens is not None:
        running = [total for total in running if total <= max_tokens] or running[:1]
    return pieces[: len(running)], running


def _finish_reason(calls_tool: bool, is_cut: bool) -> str:
    if is_cut:
        return "length"
    return "tool_calls" if calls_tool else "stop"
