"""The way of one inference call: admitted or refused, answered, and billed whatever happens."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiohttp import web

from mai_usage_ext.simulator.auth import ApiKey, require_money
from mai_usage_ext.simulator.bill import Record, Refusal
from mai_usage_ext.simulator.catalogue import Model, find_model
from mai_usage_ext.simulator.charge import Charge, Tokens, charge_for
from mai_usage_ext.simulator.draft import Draft, Prompt, draft_answer
from mai_usage_ext.simulator.encoding import dumps, loads
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.service import Service, error_answer
from mai_usage_ext.simulator.switches import INFERENCE, Switches, checked, marked
from mai_usage_ext.simulator.text import is_task
from mai_usage_ext.simulator.wire import Wire

_ALPHABET: Final = string.ascii_letters + string.digits


class Endpoint(Protocol):
    """One way to ask for a completion: how its request is read and its answer is written."""

    name: str
    embeds: bool

    def prompt_of(self, body: dict[str, Any]) -> Prompt:
        """Read the request; raises a 400 for one that asks for nothing."""

    async def whole(self, call: Call) -> None:
        """Send the answer as one JSON body."""

    async def stream(self, call: Call) -> None:
        """Send the answer as server-sent events."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One admitted call on its way."""

    service: Service
    body: dict[str, Any]
    model: Model
    switches: Switches
    prompt: Prompt
    draft: Draft
    record: Record
    wire: Wire
    sent: int = 0

    @property
    def body_id(self) -> str | None:
        """The generation id as the body shows it; None where a switch hides it."""
        return None if self.switches.no_id_anywhere else self.record.generation_id

    @property
    def created(self) -> int:
        return int(self.record.created_at.timestamp())

    @property
    def shows_usage(self) -> bool:
        return self.switches.usage != "missing"

    @property
    def error(self) -> ApiError:
        """The error that `stream_error` puts into the stream."""
        return ApiError(
            502,
            self.switches.error_message or "Provider disconnected unexpectedly",
            metadata=self.switches.error_metadata,
        )

    def charge_of(self, tokens: Tokens) -> Charge:
        """What so many tokens cost in this call."""
        return charge_for(self.model, tokens, is_byok=self.switches.byok)

    def finish(
        self, *, delivers: bool = True, failed: int | None = None, pieces: int | None = None
    ) -> tuple[Tokens, Charge]:
        """Close the record, just before the last bytes go out.

        `delivers` says whether those bytes carry the usage. Without `pieces` the whole answer
        counts.
        """
        tokens, charge = self._after(len(self.draft.pieces) if pieces is None else pieces)
        self.record.delivered = delivers and self.shows_usage
        self.record.failed = failed
        self.record.finish_reason = "error" if failed else self.draft.finish_reason
        self.service.bill.finish(self.record, tokens, charge)
        return tokens, charge

    def interrupt(self) -> None:
        """Close the record of an answer that did not reach its end."""
        tokens, charge = self._when_interrupted()
        self.record.cancelled = True
        self.record.delivered = False
        self.record.finish_reason = None
        self.service.bill.finish(self.record, tokens, charge)

    async def piece(self, data: str, *, event: str | None = None) -> None:
        """Send one piece of content and count it."""
        if self.record.first_byte_at is None:
            self.record.first_byte_at = self.service.clock()
        await self.wire.chunk(data, event=event)
        self.sent += 1

    def error_due(self) -> bool:
        """Whether `stream_error` strikes before the next piece."""
        if self.switches.stream_error is None:
            return False
        return self.sent >= min(self.switches.stream_error_after, len(self.draft.pieces))

    def _after(self, pieces: int) -> tuple[Tokens, Charge]:
        tokens = self.draft.tokens_after(pieces)
        return tokens, self.charge_of(tokens)

    def _when_interrupted(self) -> tuple[Tokens, Charge]:
        billing = self.switches.cancel_billing
        if billing == "none":
            return Tokens(), self.charge_of(Tokens())
        if billing == "full":
            return self._after(len(self.draft.pieces))
        # Nobody sees how far an answer in one piece had come: half-way is as good as any.
        return self._after(self.sent if self.record.streamed else len(self.draft.pieces) // 2)


async def serve(service: Service, request: web.Request, endpoint: Endpoint) -> web.StreamResponse:
    """Answer one inference request; refusals are noted on the bill too."""
    attempt = _Attempt(service, request, endpoint)
    try:
        call = await attempt.admit()
    except ApiError as error:
        attempt.refused(error)
        return error_answer(error)
    return await _answer(call, endpoint)


async def _answer(call: Call, endpoint: Endpoint) -> web.StreamResponse:
    try:
        await _send(call, endpoint)
    except ConnectionResetError:
        if not call.wire.complete:
            call.interrupt()
    except asyncio.CancelledError:
        if not call.wire.complete:
            call.interrupt()
        raise
    return call.wire.response


async def _send(call: Call, endpoint: Endpoint) -> None:
    switches = call.switches
    plain = switches.status is not None or switches.raw_body is not None
    if plain or not call.record.streamed:
        # The generation takes this long, so the record is closed only afterwards.
        await call.wire.wait()
    if switches.status is not None:
        error = _switched_error(switches, switches.status)
        call.finish(delivers=False, failed=error.status)
        await call.wire.json(dumps(error.body), status=error.status, retry_after=error.retry_after)
    elif switches.raw_body is not None:
        call.finish(delivers=False)
        await call.wire.raw(switches.raw_body, switches.content_type or "text/html")
    elif call.record.streamed:
        await endpoint.stream(call)
    else:
        await endpoint.whole(call)


class _Attempt:
    """A request on its way to become a call; remembers what a refusal must tell."""

    def __init__(self, service: Service, request: web.Request, endpoint: Endpoint) -> None:
        self._service = service
        self._request = request
        self._endpoint = endpoint
        self._body: dict[str, Any] = {}
        self._key: ApiKey | None = None

    async def admit(self) -> Call:
        """Check everything that is checked before work begins, then open the record."""
        self._body = await read_object(self._request)
        service, body = self._service, self._body
        key = service.keys.inference_key(self._request.headers)
        self._key = key
        asked = body.get("model")
        prompt = self._endpoint.prompt_of(body)
        switches = service.panel.resolve(
            INFERENCE,
            self._endpoint.name,
            model=asked if isinstance(asked, str) else None,
            requested=_requested(self._request, body, prompt),
        )
        model = _model_for(asked, self._endpoint)
        if switches.status is not None and not switches.bill_anyway:
            raise _switched_error(switches, switches.status)
        require_money(key, service.bill, switches, service.clock().date())
        return self._open(key, model, switches, prompt)

    def refused(self, error: ApiError) -> None:
        asked, user = self._body.get("model"), self._body.get("user")
        self._service.bill.refuse(
            Refusal(
                status=error.status,
                message=error.message,
                endpoint=self._endpoint.name,
                key_hash=None if self._key is None else self._key.hash,
                user=user if isinstance(user, str) else None,
                model_asked=asked if isinstance(asked, str) else None,
                created_at=self._service.clock(),
            )
        )

    def _open(self, key: ApiKey, model: Model, switches: Switches, prompt: Prompt) -> Call:
        service, body = self._service, self._body
        now = service.clock()
        user = body.get("user")
        record = Record(
            sequence=0,
            generation_id=_new_generation_id(int(now.timestamp())),
            key_hash=key.hash,
            user=user if isinstance(user, str) else None,
            endpoint=self._endpoint.name,
            model_asked=body["model"],
            model_answered=_answered_name(body["model"], model, switches),
            provider=model.provider,
            streamed=body.get("stream") is True and not self._endpoint.embeds,
            created_at=now,
            model=model,
            switches=switches,
        )
        return Call(
            service=service,
            body=body,
            model=model,
            switches=switches,
            prompt=prompt,
            draft=draft_answer(prompt, model, switches, _max_tokens(body)),
            record=service.bill.begin(record),
            wire=Wire(self._request, switches, record.generation_id),
        )


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in a request's body; raises a 400 for anything else."""
    try:
        body = loads(await request.read())
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON in the request body: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object")
    return body


def _requested(
    request: web.Request, body: dict[str, Any], prompt: Prompt
) -> Iterator[dict[str, Any]]:
    """What the request itself switches: body field, marker in the message, header."""
    if "simulate" in body:
        yield checked(body["simulate"])
    # The host's background tasks quote the chat; a marker there is not meant for them.
    marker = None if is_task(prompt.question) else marked(prompt.question)
    for source, text in (("marker", marker), ("header", request.headers.get("X-Simulate"))):
        if text is not None:
            yield checked(_parsed(source, text))


def _parsed(source: str, text: str) -> Any:
    try:
        return loads(text)
    except ValueError as error:
        raise ApiError(400, f"The simulate {source} is not JSON: {error}") from error


def _model_for(asked: Any, endpoint: Endpoint) -> Model:
    model = find_model(asked) if isinstance(asked, str) else None
    if model is None or model.embeds != endpoint.embeds:
        raise ApiError(400, f"{asked} is not a valid model ID")
    return model


def _switched_error(switches: Switches, status: int) -> ApiError:
    return ApiError(
        status,
        switches.error_message,
        metadata=switches.error_metadata,
        retry_after=switches.retry_after,
    )


def _answered_name(asked: str, model: Model, switches: Switches) -> str:
    if switches.dated_slug:
        return model.slug
    return model.id if asked.startswith("openrouter/") else asked


def _max_tokens(body: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        wanted = body.get(name)
        if type(wanted) is int and wanted > 0:
            return wanted
    return None


def _new_generation_id(second: int) -> str:
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(20))
    return f"gen-{second}-{tail}"
