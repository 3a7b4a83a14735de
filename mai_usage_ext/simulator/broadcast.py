"""Broadcast: what OpenRouter tells of a finished call, as OTLP traces in JSON, by a webhook."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import aiohttp

from mai_usage_ext.simulator.auth import KeyRing
from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.simulator.encoding import dumps, loads

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROOT: Final = "LLM Generation"
_CLIENT: Final = 3
_OK, _ERROR = 1, 2
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answered to one delivery; status 0 where nobody did."""

    status: int
    body: Any


class Broadcaster:
    """Sends a trace for every call whose switches name a receiver, as often and as late as they
    say. There is no second try, as the real one promises none; ``answers`` tells how it went."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._under_way: set[asyncio.Task[None]] = set()
        self.answers: list[Answer] = []

    def finished(self, record: Record) -> None:
        """A call is over; only on a running loop where somebody is to be told."""
        if record.switches.broadcast_url is None:
            return
        task = asyncio.get_running_loop().create_task(self._tell(record))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def sent(self) -> None:
        """Wait until nothing is under way any more."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def stop(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def send(
        self, url: str, body: Any, headers: Mapping[str, str], *, is_gzip: bool = False
    ) -> Answer:
        """Deliver one body, and keep what was answered."""
        content = dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        if is_gzip:
            content, sent["Content-Encoding"] = gzip.compress(content), "gzip"
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.post(url, data=content, headers=sent) as response,
            ):
                answer = Answer(response.status, loads(await response.read()))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            answer = Answer(0, str(error))
        self.answers.append(answer)
        return answer

    async def _tell(self, record: Record) -> None:
        switches = record.switches
        await asyncio.sleep(switches.broadcast_lag)
        key = self._keys.by_hash(record.key_hash)
        body = trace_of(record, key_name=key.name if key else "")
        headers = {name: str(value) for name, value in (switches.broadcast_headers or {}).items()}
        for _ in range(switches.broadcast_copies):
            await self.send(
                switches.broadcast_url or "", body, headers, is_gzip=switches.broadcast_gzip
            )


def trace_of(record: Record, *, key_name: str) -> dict[str, Any]:
    """One call: its root span, which has the figures, and the attempt below it, which has none."""
    ended = record.ended_at or record.created_at
    times = {
        "startTimeUnixNano": str(_nanos(record.created_at)),
        "endTimeUnixNano": str(_nanos(ended)),
    }
    attributes = _attributes(record, key_name) | (record.switches.broadcast_override or {})
    root = f"{record.sequence:016x}"
    spans = [
        {
            "traceId": f"{record.sequence:032x}",
            "spanId": root,
            "name": _ROOT,
            "kind": _CLIENT,
            **times,
            "attributes": _listed(attributes),
            "status": {"code": _ERROR if record.failed else _OK},
        },
        {
            "traceId": f"{record.sequence:032x}",
            "spanId": f"{record.sequence + (1 << 63):016x}",
            "parentSpanId": root,
            "name": f"provider attempt 1: {record.provider}",
            "kind": _CLIENT,
            **times,
            "attributes": _listed(
                {"span.type": "span", "gen_ai.response.id": f"{record.generation_id}:attempt-0"}
            ),
        },
    ]
    resource = {"attributes": _listed({"service.name": "openrouter"})}
    scope = {"scope": {"name": "openrouter"}, "spans": spans}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _attributes(record: Record, key_name: str) -> dict[str, Any]:
    tokens = record.tokens
    return {
        "span.type": "generation",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": record.model_asked,
        "gen_ai.response.model": record.model_answered,
        "gen_ai.response.id": record.generation_id,
        "gen_ai.response.finish_reason": record.finish_reason,
        "gen_ai.usage.input_tokens": tokens.prompt,
        "gen_ai.usage.output_tokens": tokens.completion,
        "gen_ai.usage.total_tokens": tokens.total,
        "gen_ai.usage.input_tokens.cached": tokens.cached,
        "gen_ai.usage.output_tokens.reasoning": tokens.reasoning,
        "gen_ai.usage.total_cost": Decimal(record.cost),
        "user.id": record.user,
        "trace.metadata.openrouter.source": "openrouter",
        "trace.metadata.openrouter.api_key_name": key_name,
        "trace.metadata.openrouter.provider_name": record.provider,
        "trace.metadata.openrouter_generation.is_byok": record.switches.byok,
        "trace.metadata.openrouter_generation.byok_usage_inference": Decimal(record.byok_cost),
    }


def _listed(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": name, "value": _typed(value)}
        for name, value in attributes.items()
        if value is not None
    ]


def _typed(value: Any) -> dict[str, Any]:
    """OTLP's JSON writes its 64-bit integers as strings."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, Decimal) else {"stringValue": value}


def _nanos(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000
