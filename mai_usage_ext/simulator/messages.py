"""`POST /messages` in Anthropic's shape, and the free `POST /messages/count_tokens`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from mai_usage_ext.simulator.charge import Charge, Tokens
from mai_usage_ext.simulator.draft import Prompt
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import Call, read_object
from mai_usage_ext.simulator.service import Service, json_answer
from mai_usage_ext.simulator.switches import unmarked
from mai_usage_ext.simulator.text import count_tokens, last_user_text, plain_text
from mai_usage_ext.simulator.usage import messages_usage

_STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "end_turn"}


class Messages:
    """The endpoint whose streams carry tokens but no cost, unless a switch says otherwise."""

    name = "/messages"
    embeds = False

    def prompt_of(self, body: dict[str, Any]) -> Prompt:
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise ApiError(400, 'Input required: specify "messages"')
        spoken = [message for message in messages if isinstance(message, Mapping)]
        texts = [plain_text(body.get("system"))]
        texts += [plain_text(message.get("content")) for message in spoken]
        return Prompt(text="\n".join(filter(None, texts)), question=last_user_text(spoken))

    async def whole(self, call: Call) -> None:
        tokens, charge = call.finish()
        message = _message(call, [{"type": "text", "text": call.draft.text}])
        message["stop_reason"] = _STOP_REASONS[call.draft.finish_reason]
        if call.shows_usage:
            message["usage"] = messages_usage(tokens, charge, call.switches, priced=True)
        await call.wire.json(dumps(message))

    async def stream(self, call: Call) -> None:
        await call.wire.open()
        tokens = call.draft.tokens_after(0)
        start = _message(call, [])
        start["usage"] = messages_usage(tokens, call.charge_of(tokens), call.switches, priced=False)
        await _send(call, "message_start", message=start)
        block = {"type": "text", "text": ""}
        await _send(call, "content_block_start", index=0, content_block=block)
        for piece in call.draft.pieces:
            if call.error_due():
                break
            delta = {"type": "text_delta", "text": piece}
            data = dumps({"type": "content_block_delta", "index": 0, "delta": delta})
            await call.piece(data, event="content_block_delta")
        if call.error_due():
            await _fail(call)
            return
        await _send(call, "content_block_stop", index=0)
        await _finish(call)


async def _finish(call: Call) -> None:
    tokens, charge = call.finish()
    delta = {"stop_reason": _STOP_REASONS[call.draft.finish_reason], "stop_sequence": None}
    await _send(call, "message_delta", delta=delta, **_usage(call, tokens, charge))
    await _send(call, "message_stop")
    await call.wire.close()


async def _fail(call: Call) -> None:
    call.finish(delivers=False, failed=call.error.status, pieces=call.sent)
    await _send(call, "error", error={"type": "api_error", "message": call.error.message})
    await call.wire.close()


async def _send(call: Call, kind: str, **fields: Any) -> None:
    await call.wire.event(dumps({"type": kind, **fields}), event=kind)


def _usage(call: Call, tokens: Tokens, charge: Charge) -> dict[str, Any]:
    if not call.shows_usage:
        return {}
    priced = call.switches.messages_cost
    return {"usage": messages_usage(tokens, charge, call.switches, priced=priced)}


def _message(call: Call, content: list[dict[str, Any]]) -> dict[str, Any]:
    identity = {} if call.body_id is None else {"id": call.body_id}
    return {
        **identity,
        "type": "message",
        "role": "assistant",
        "model": call.record.model_answered,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
    }


async def count_message_tokens(service: Service, request: web.Request) -> web.Response:
    """`POST /messages/count_tokens`: `{"input_tokens": n}`, never billed."""
    service.keys.inference_key(request.headers)
    prompt = Messages().prompt_of(await read_object(request))
    return json_answer({"input_tokens": count_tokens(unmarked(prompt.text)) + 3})
