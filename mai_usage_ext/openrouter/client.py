"""Asking OpenRouter about a generation, and what its models cost.

Source of paths, fields and errors: OpenRouter's Python client 1.3.84 and its API reference.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp

from mai_usage_ext.errors import GenerationNotFound, UpstreamError
from mai_usage_ext.guard import own_traffic
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.metering.usage import UsageUnusable, read_generation
from mai_usage_ext.ports import Generation

__all__ = ["OpenRouterClient"]

_TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)


class OpenRouterClient:
    """One session, opened by the first call and bound to that call's event loop."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, generation_id: str, *, key: str) -> Generation:
        """What the provider says of one call.

        Raises ``GenerationNotFound`` on 404, ``UpstreamError`` with the status on anything else
        that is no answer (status 0 when no connection could be made).
        """
        body = await self._get(f"/generation?id={quote(generation_id, safe='')}", key=key)
        data = body.get("data")
        if not isinstance(data, Mapping):
            raise UpstreamError("GET /generation answered without data", status=200)
        try:
            usage, problem = read_generation(data), None
        except UsageUnusable as unusable:
            usage, problem = None, str(unusable)
        return Generation(
            id=generation_id,
            model=_text(data.get("model")),
            provider=_text(data.get("provider_name")),
            usage=usage,
            problem=problem,
            cancelled=data.get("cancelled") is True,
        )

    async def models(self) -> list[Mapping[str, Any]]:
        """The public model list, with prices as decimal strings."""
        data = (await self._get("/models", key=None)).get("data")
        if not isinstance(data, list):
            raise UpstreamError("GET /models answered without a list", status=200)
        return [model for model in data if isinstance(model, Mapping)]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> "OpenRouterClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _get(self, path: str, *, key: str | None) -> Mapping[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with own_traffic():
                async with self._session.get(self._base_url + path, headers=headers) as response:
                    text = await response.text()
                    status = response.status
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            raise UpstreamError(f"no answer: {type(error).__name__}", status=0) from None
        if status == 404:
            raise GenerationNotFound(_message(text), status=404)
        if status >= 400:
            raise UpstreamError(f"{status}: {_message(text)}", status=status)
        return _object(text, status=status)


def _object(text: str, *, status: int) -> Mapping[str, Any]:
    try:
        body = parse_json(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, Mapping):
        raise UpstreamError("the answer is not a JSON object", status=status)
    return body


def _message(text: str) -> str:
    """The sentence in an OpenRouter error body, or the beginning of whatever came instead."""
    try:
        return str(parse_json(text)["error"]["message"])[:300]
    except (ValueError, RecursionError, KeyError, TypeError):
        return text[:100]


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
