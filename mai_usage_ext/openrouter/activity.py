"""OpenRouter's figures after the fact: activity by day, analytics, and the keys' counters.

Source of paths, fields and errors: OpenRouter's Python client 1.3.84 and its API reference.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from mai_usage_ext.errors import BadInput, UpstreamError
from mai_usage_ext.metering.days import rfc3339
from mai_usage_ext.metering.money import pusd_from_usd
from mai_usage_ext.openrouter.transport import Transport
from mai_usage_ext.ports.reconciliation import Candidate, Figures, KeyUsage, ProviderDay

__all__ = ["ActivityClient"]

_MOST_ROWS = 1_000
_MOST_KEYS = 100_000
_DIMENSIONS = ("generation_id", "model", "external_user")
_COUNTS = ("requests", "prompt_tokens", "completion_tokens", "reasoning_tokens")


class ActivityClient:
    """Implements ``ports.reconciliation.Activity``. Each call opens its own connection, so it may
    be used from several event loops; ``total_s`` is how long one request may take."""

    def __init__(self, base_url: str, *, total_s: float | None = None) -> None:
        self._base_url = base_url
        self._total_s = total_s

    async def day(self, day: date, *, key_hash: str, management_key: str) -> ProviderDay:
        query = urlencode({"date": day.isoformat(), "api_key_hash": key_hash})
        body = await self._ask("GET", f"/activity?{query}", key=management_key)
        models: dict[str, Figures] = {}
        names: dict[str, str] = {}
        for row in _rows(body.get("data"), "GET /activity"):
            # A server that did not look at our filter must not be taken at its word.
            if str(row.get("date"))[:10] != day.isoformat():
                raise UpstreamError("GET /activity answered with another day", status=200)
            model = _name(row, "model")
            models[model] = models.get(model, Figures()) + _figures(row)
            slug = row.get("model_permaslug")
            if isinstance(slug, str) and slug:
                names[slug] = model
        return ProviderDay(models=models, names=names)

    async def names_generations(self, *, management_key: str) -> bool:
        try:
            body = await self._ask("GET", "/analytics/meta", key=management_key)
        except UpstreamError as error:
            if error.status == 404:
                return False
            raise
        data = body.get("data")
        offered = data.get("dimensions") if isinstance(data, Mapping) else None
        names = {row.get("name") for row in offered or () if isinstance(row, Mapping)}
        return names.issuperset((*_DIMENSIONS, "api_key"))

    async def candidates(
        self, *, key_hash: str, from_ms: int, until_ms: int, management_key: str
    ) -> Sequence[Candidate] | None:
        wanted: dict[str, object] = {
            "metrics": ["request_count"],
            "dimensions": list(_DIMENSIONS),
            "filters": [{"field": "api_key", "operator": "eq", "value": key_hash}],
            "time_range": {"start": rfc3339(from_ms), "end": rfc3339(until_ms)},
            "limit": _MOST_ROWS,
        }
        body = await self._ask("POST", "/analytics/query", key=management_key, body=wanted)
        data = body.get("data")
        if not isinstance(data, Mapping):
            raise UpstreamError("POST /analytics/query answered without data", status=200)
        rows = _rows(data.get("data"), "POST /analytics/query")
        metadata = data.get("metadata")
        is_truncated = isinstance(metadata, Mapping) and metadata.get("truncated") is True
        if is_truncated or len(rows) >= _MOST_ROWS:
            return None
        return [_candidate(row) for row in rows]

    async def usage(self, *, management_key: str) -> Sequence[KeyUsage]:
        found: dict[str, KeyUsage] = {}
        offset = 0
        while len(found) < _MOST_KEYS:
            path = f"/keys?include_disabled=true&offset={offset}"
            body = await self._ask("GET", path, key=management_key)
            page = [_usage(row) for row in _rows(body.get("data"), "GET /keys")]
            # The size of a page is OpenRouter's affair: the last one brings nothing new.
            if all(usage.key_hash in found for usage in page):
                return list(found.values())
            found.update((usage.key_hash, usage) for usage in page)
            offset += len(page)
        raise UpstreamError(f"OpenRouter lists more than {_MOST_KEYS} keys", status=200)

    async def _ask(
        self, method: str, path: str, *, key: str, body: Mapping[str, object] | None = None
    ) -> Mapping[str, Any]:
        async with Transport(self._base_url, total_s=self._total_s) as transport:
            return await transport.request(method, path, key=key, body=body)


def _rows(data: object, asked: str) -> list[Mapping[str, Any]]:
    """Raises ``UpstreamError``: figures of which a part is missing would pass for a difference."""
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        raise UpstreamError(f"{asked} answered without a list", status=200)
    return data


def _figures(row: Mapping[str, Any]) -> Figures:
    counts = {name: _count(row, name) for name in _COUNTS}
    raw = _money(row, "usage") + _money(row, "byok_usage_inference")
    return Figures(**counts, raw_pusd=raw)


def _usage(row: Mapping[str, Any]) -> KeyUsage:
    name, label = row.get("name"), row.get("label")
    return KeyUsage(
        key_hash=_name(row, "hash"),
        name=name[:200] if isinstance(name, str) else "",
        label=label if isinstance(label, str) else "",
        usage_pusd=_money(row, "usage") + _money(row, "byok_usage"),
    )


def _candidate(row: Mapping[str, Any]) -> Candidate:
    user = row.get("external_user")
    return Candidate(
        generation_id=_name(row, "generation_id"),
        model=_name(row, "model"),
        user=user if isinstance(user, str) and user else None,
    )


def _name(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        raise UpstreamError(f"OpenRouter answered without {field}", status=200)
    return value[:200]


def _money(row: Mapping[str, Any], field: str) -> int:
    """Picodollars; what is not there is nothing, what is no amount is an error."""
    value = row.get(field)
    try:
        return 0 if value is None else pusd_from_usd(value, field=field)
    except BadInput as error:
        raise UpstreamError(f"OpenRouter's figures cannot be used: {error}", status=200) from None


def _count(row: Mapping[str, Any], field: str) -> int:
    value = row.get(field)
    if value is None:
        return 0
    # Counts may come as strings.
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**15:
        raise UpstreamError(f"OpenRouter answered with {field} {value!r}", status=200)
    return number
