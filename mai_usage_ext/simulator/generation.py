"""`GET /generation?id=`: what a finished call cost, some time after its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiohttp import web

from mai_usage_ext.simulator.bill import Record, stamp
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.service import Service, json_answer
from mai_usage_ext.simulator.switches import GENERATION

_API_TYPES = {"/embeddings": "embeddings"}


async def show_generation(service: Service, request: web.Request) -> web.Response:
    """404 until the call has ended and its `generation_delay` has passed."""
    service.keys.any_key(request.headers)
    wanted = request.query.get("id", "")
    record = service.bill.generation(wanted)
    switches = service.panel.resolve(
        GENERATION, "/generation", model=None if record is None else record.model_asked
    )
    forced = switches.generation_status
    if forced is None and record is not None:
        forced = record.switches.generation_status
    if forced is not None:
        raise ApiError(forced)
    if record is None or not _known(service, record):
        raise ApiError(404, f"Generation {wanted} not found")
    data = _generation(record)
    data.update(record.switches.generation_override or {})
    data.update(switches.generation_override or {})
    return json_answer({"data": data})


def _known(service: Service, record: Record) -> bool:
    if record.ended_at is None:
        return False
    delay = timedelta(seconds=record.switches.generation_delay)
    return record.ended_at + delay <= service.clock()


def _generation(record: Record) -> dict[str, Any]:
    tokens = record.tokens
    return {
        "id": record.generation_id,
        "upstream_id": f"chatcmpl-{record.generation_id[-20:]}",
        "request_id": f"req-{record.generation_id[4:]}",
        "api_type": _API_TYPES.get(record.endpoint, "completions"),
        "model": record.model.slug,
        "provider_name": record.provider,
        "created_at": stamp(record.created_at),
        "total_cost": record.cost,
        "usage": record.cost,
        "upstream_inference_cost": record.upstream_cost,
        "cache_discount": None,
        "is_byok": record.switches.byok,
        "streamed": record.streamed,
        "cancelled": record.cancelled,
        "finish_reason": record.finish_reason,
        "native_finish_reason": record.finish_reason,
        "tokens_prompt": tokens.prompt,
        "tokens_completion": tokens.completion,
        "native_tokens_prompt": tokens.prompt,
        "native_tokens_completion": tokens.completion,
        "native_tokens_reasoning": tokens.reasoning,
        "native_tokens_cached": tokens.cached,
        "native_tokens_completion_images": 0,
        "num_media_prompt": None,
        "num_input_audio_prompt": None,
        "num_media_completion": 0,
        "num_search_results": tokens.searches or None,
        "num_fetches": None,
        "web_search_engine": None,
        "external_user": record.user,
        **_timing(record),
        **_origin(),
    }


def _timing(record: Record) -> dict[str, int | None]:
    """Milliseconds to the first byte and from there to the end."""
    first = record.first_byte_at or record.ended_at
    return {
        "latency": _milliseconds(record.created_at, first),
        "generation_time": _milliseconds(first, record.ended_at),
        "moderation_latency": None,
    }


def _milliseconds(start: Any, end: Any) -> int | None:
    return None if start is None or end is None else max(0, round((end - start) / _MILLISECOND))


_MILLISECOND = timedelta(milliseconds=1)


def _origin() -> dict[str, Any]:
    return {
        "origin": "",
        "app_id": None,
        "http_referer": None,
        "user_agent": None,
        "router": None,
        "preset_id": None,
        "session_id": None,
        "service_tier": None,
        "workspace_id": None,
        "data_region": "global",
        "provider_responses": None,
        "response_cache_source_id": None,
    }
