"""Asking OpenRouter about a generation, and what its models cost.

Source of paths, fields and errors: OpenRouter's Python client 1.3.84 and its API reference.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

from mai_usage_ext.errors import GenerationNotFound, UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.usage import UsageUnusable, read_generation
from mai_usage_ext.openrouter.transport import Transport
from mai_usage_ext.ports import Generation

__all__ = ["OpenRouterClient"]


class OpenRouterClient:
    """One session, opened by the first call and bound to that call's event loop."""

    def __init__(self, base_url: str) -> None:
        self._transport = Transport(base_url)

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
        """The public model lists, with prices as decimal strings. Embedding models have one of
        their own; where it cannot be read, the other will do."""
        models = await self._listed("/models")
        try:
            return models + await self._listed("/embeddings/models")
        except UpstreamError as error:
            tally.warn("embedding prices not read", f"GET /embeddings/models failed: {error}")
            return models

    async def _listed(self, path: str) -> list[Mapping[str, Any]]:
        data = (await self._get(path, key=None)).get("data")
        if not isinstance(data, list):
            raise UpstreamError(f"GET {path} answered without a list", status=200)
        return [model for model in data if isinstance(model, Mapping)]

    async def close(self) -> None:
        await self._transport.close()

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
        try:
            return await self._transport.request("GET", path, key=key)
        except UpstreamError as error:
            if error.status == 404:
                raise GenerationNotFound(str(error), status=404) from None
            raise


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
