"""`POST /chat/completions`, as JSON and as a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mai_usage_ext.simulator.charge import Charge, Tokens
from mai_usage_ext.simulator.draft import Prompt
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import Call
from mai_usage_ext.simulator.text import last_user_text, plain_text
from mai_usage_ext.simulator.usage import chat_usage


class ChatCompletions:
    """The endpoint that nearly everybody uses."""

    name = "/chat/completions"
    embeds = False

    def prompt_of(self, body: dict[str, Any]) -> Prompt:
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise ApiError(400, 'Input required: specify "messages"')
        spoken = [message for message in messages if isinstance(message, Mapping)]
        return Prompt(
            text="\n".join(plain_text(message.get("content")) for message in spoken),
            question=last_user_text(spoken),
            answered_by_tool=bool(spoken) and spoken[-1].get("role") == "tool",
        )

    async def whole(self, call: Call) -> None:
        tokens, charge = call.finish()
        answer = {
            **_head(call, "chat.completion"),
            "system_fingerprint": None,
            "choices": [
                {
                    "index": 0,
                    "logprobs": None,
                    "finish_reason": call.draft.finish_reason,
                    "native_finish_reason": call.draft.finish_reason,
                    "message": _message(call),
                }
            ],
            **_usage(call, tokens, charge),
        }
        await call.wire.json(dumps(answer))

    async def stream(self, call: Call) -> None:
        await call.wire.open()
        chunks = _Chunks(call)
        for piece in call.draft.pieces:
            if call.error_due():
                break
            await call.piece(chunks.content(piece))
        if call.error_due():
            await _fail(call, chunks)
            return
        await call.wire.event(chunks.stop(call.draft.finish_reason))
        tokens, charge = call.finish()
        if call.shows_usage:
            await call.wire.event(chunks.usage(tokens, charge))
        if not call.switches.no_done:
            await call.wire.event("[DONE]")
        await call.wire.close()


async def _fail(call: Call, chunks: _Chunks) -> None:
    with_usage = call.switches.stream_error == "with_usage"
    error = call.error
    tokens, charge = call.finish(delivers=with_usage, failed=error.status, pieces=call.sent)
    extra = _usage(call, tokens, charge) if with_usage else {}
    await call.wire.event(chunks.error(error, extra))
    await call.wire.close()


class _Chunks:
    """Writes the chunks of one stream. What they share is encoded only once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._head = dumps(_head(call, "chat.completion.chunk"))[:-1]

    def content(self, piece: str) -> str:
        if self._call.draft.tool_call is not None:
            delta = dumps(_tool_delta(self._call))
        else:
            delta = f'{{"role":"assistant","content":{json.dumps(piece)}}}'
        return f"{self._head},{self._choices(delta, 'null')}{self._tail()}}}"

    def stop(self, reason: str) -> str:
        delta = '{"role":"assistant","content":""}'
        return f"{self._head},{self._choices(delta, json.dumps(reason))}{self._tail()}}}"

    def usage(self, tokens: Tokens, charge: Charge) -> str:
        choices = '"choices":[]'
        if self._call.switches.usage_shape == "repeated_stop":
            reason = json.dumps(self._call.draft.finish_reason)
            choices = self._choices('{"role":"assistant","content":""}', reason)
        usage = dumps(_usage(self._call, tokens, charge))[1:-1]
        return f"{self._head},{choices},{usage}}}"

    def error(self, error: ApiError, usage: dict[str, Any]) -> str:
        choices = self._choices('{"role":"assistant","content":""}', '"error"')
        rest = dumps({**error.body, **usage})[1:]
        return f"{self._head},{choices},{rest}"

    def _tail(self) -> str:
        """The usage of an ordinary chunk, where a switch wants one."""
        call = self._call
        if call.switches.running_totals and call.shows_usage:
            # The piece in hand is counted as sent, as the last total must be the whole.
            call_tokens = call.draft.tokens_after(min(call.sent + 1, len(call.draft.pieces)))
            return "," + dumps(_usage_of(call, call_tokens))[1:-1]
        return ',"usage":null' if call.switches.usage_null_chunks else ""

    @staticmethod
    def _choices(delta: str, reason: str) -> str:
        return (
            f'"choices":[{{"index":0,"delta":{delta},"finish_reason":{reason},'
            f'"native_finish_reason":{reason},"logprobs":null}}]'
        )


def _head(call: Call, kind: str) -> dict[str, Any]:
    identity = {} if call.body_id is None else {"id": call.body_id}
    return {
        **identity,
        "provider": call.record.provider,
        "model": call.record.model_answered,
        "object": kind,
        "created": call.created,
    }


def _usage(call: Call, tokens: Tokens, charge: Charge) -> dict[str, Any]:
    if not call.shows_usage:
        return {}
    return {"usage": chat_usage(tokens, charge, call.switches)}


def _usage_of(call: Call, tokens: Tokens) -> dict[str, Any]:
    return _usage(call, tokens, call.charge_of(tokens))


def _message(call: Call) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": call.draft.text, "refusal": None}
    if call.draft.tool_call is not None:
        message["content"] = None
        message["tool_calls"] = [_tool_call(call)]
    return message


def _tool_delta(call: Call) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"index": 0, **_tool_call(call)}],
    }


def _tool_call(call: Call) -> dict[str, Any]:
    wanted = call.draft.tool_call or {}
    return {
        "id": f"call_{call.record.generation_id[-20:]}",
        "type": "function",
        "function": {
            "name": str(wanted.get("name", "")),
            "arguments": dumps(wanted.get("arguments", {})),
        },
    }
