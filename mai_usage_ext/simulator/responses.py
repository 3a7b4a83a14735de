"""`POST /responses`, as JSON and as a stream of `response.*` events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mai_usage_ext.simulator.charge import Charge, Tokens
from mai_usage_ext.simulator.draft import Prompt
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import Call
from mai_usage_ext.simulator.text import last_user_text, plain_text
from mai_usage_ext.simulator.usage import responses_usage


class Responses:
    """The newer shape of a completion; usage comes inside `response.completed`."""

    name = "/responses"
    embeds = False

    def prompt_of(self, body: dict[str, Any]) -> Prompt:
        wanted = body.get("input")
        instructions = body.get("instructions")
        prefix = instructions + "\n" if isinstance(instructions, str) else ""
        if isinstance(wanted, str) and wanted:
            return Prompt(text=prefix + wanted, question=wanted)
        if not isinstance(wanted, list) or not wanted:
            raise ApiError(400, 'Input required: specify "input"')
        items = [item for item in wanted if isinstance(item, Mapping)]
        texts = "\n".join(plain_text(item.get("content")) for item in items)
        return Prompt(text=prefix + texts, question=last_user_text(items))

    async def whole(self, call: Call) -> None:
        tokens, charge = call.finish()
        await call.wire.json(dumps(_completed(call, tokens, charge)))

    async def stream(self, call: Call) -> None:
        events = _Events(call)
        await call.wire.open()
        await events.send("response.created", response=_response(call, "in_progress"))
        await events.send("response.in_progress", response=_response(call, "in_progress"))
        await events.send("response.output_item.added", item=_item(call, None), output_index=0)
        await events.send("response.content_part.added", **events.place, part=_part(""))
        for piece in call.draft.pieces:
            if call.error_due():
                break
            await events.delta(piece)
        if call.error_due():
            await _fail(call, events)
            return
        await _complete(call, events)


async def _complete(call: Call, events: _Events) -> None:
    text = call.draft.text
    await events.send("response.output_text.done", **events.place, text=text, logprobs=[])
    await events.send("response.content_part.done", **events.place, part=_part(text))
    await events.send("response.output_item.done", item=_item(call, text), output_index=0)
    tokens, charge = call.finish()
    await events.send("response.completed", response=_completed(call, tokens, charge))
    await events.done()


async def _fail(call: Call, events: _Events) -> None:
    with_usage = call.switches.stream_error == "with_usage"
    error = call.error
    tokens, charge = call.finish(delivers=with_usage, failed=error.status, pieces=call.sent)
    failed = _response(call, "failed")
    failed["error"] = {"code": "server_error", "message": error.message}
    if with_usage:
        failed.update(_usage(call, tokens, charge))
    await events.send("response.failed", response=failed)
    await call.wire.close()


class _Events:
    """Numbers the events of one stream and sends them."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._number = 0
        self.place: dict[str, Any] = {
            "item_id": _item_id(call),
            "output_index": 0,
            "content_index": 0,
        }

    async def send(self, kind: str, **fields: Any) -> None:
        await self._call.wire.event(self._numbered(kind, fields), event=kind)

    async def delta(self, piece: str) -> None:
        kind = "response.output_text.delta"
        fields = {**self.place, "delta": piece, "logprobs": []}
        await self._call.piece(self._numbered(kind, fields), event=kind)

    async def done(self) -> None:
        if not self._call.switches.no_done:
            await self._call.wire.event("[DONE]")
        await self._call.wire.close()

    def _numbered(self, kind: str, fields: dict[str, Any]) -> str:
        text = dumps({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return text


def _completed(call: Call, tokens: Tokens, charge: Charge) -> dict[str, Any]:
    response = _response(call, "completed")
    response["completed_at"] = int(call.service.clock().timestamp())
    response["output"] = [_item(call, call.draft.text)]
    response["output_text"] = call.draft.text
    if call.draft.finish_reason == "length":
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": "max_output_tokens"}
    return {**response, **_usage(call, tokens, charge)}


def _response(call: Call, status: str) -> dict[str, Any]:
    identity = {} if call.body_id is None else {"id": call.body_id}
    return {
        **identity,
        "object": "response",
        "created_at": call.created,
        "completed_at": None,
        "model": call.record.model_answered,
        "status": status,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": None,
        "temperature": None,
        "top_p": None,
        "frequency_penalty": None,
        "presence_penalty": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "user": call.record.user,
    }


def _usage(call: Call, tokens: Tokens, charge: Charge) -> dict[str, Any]:
    if not call.shows_usage:
        return {}
    return {"usage": responses_usage(tokens, charge, call.switches)}


def _item(call: Call, text: str | None) -> dict[str, Any]:
    return {
        "id": _item_id(call),
        "type": "message",
        "role": "assistant",
        "status": "in_progress" if text is None else "completed",
        "content": [] if text is None else [_part(text)],
    }


def _item_id(call: Call) -> str:
    return f"msg_{call.record.generation_id[-20:]}"


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}
