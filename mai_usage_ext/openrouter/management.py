"""Making, changing and listing API keys, with a management key.

Source of paths, fields and errors: OpenRouter's Python client 1.3.84 and its API reference.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.metering.money import PICO
from mai_usage_ext.openrouter.transport import Transport
from mai_usage_ext.ports import KeyTerms, NewKey, OwnKey, RemoteKey

__all__ = ["ManagementClient", "usd_decimal"]

_MOST_KEYS = 100_000
_RESET = "monthly"
_NO_AMOUNT = -1

_MANAGEMENT_KEY = "OPENROUTER_PROVISIONING_KEY"
_SENTENCES = {
    401: f"OpenRouter refused the management key (401): check {_MANAGEMENT_KEY}",
    402: "The OpenRouter account has run out of credits (402): add some, then try again",
    403: f"OpenRouter does not allow this (403): {_MANAGEMENT_KEY} must be a management key",
    408: "OpenRouter did not answer in time (408): try again later",
    429: "OpenRouter is being asked too much (429): try again in a minute",
}


class ManagementClient:
    """Implements ``ports.KeyManagement``. Each call opens its own connection, so the client may be
    used from several event loops; ``total_s`` is how long one request may take."""

    def __init__(self, base_url: str, *, total_s: float | None = None) -> None:
        self._base_url = base_url
        self._total_s = total_s

    async def keys(self, *, management_key: str) -> Sequence[RemoteKey]:
        found: dict[str, RemoteKey] = {}
        offset = 0
        async with self._open() as transport:
            while len(found) < _MOST_KEYS:
                path = f"/keys?include_disabled=true&offset={offset}"
                page = _listed(await _asked(transport, "GET", path, key=management_key))
                # The size of a page is OpenRouter's affair, so only one that brings nothing new
                # is the last. A key made meanwhile pushes others to the next page once more.
                new = [key for key in page if key.hash not in found]
                if not new:
                    return list(found.values())
                found.update((key.hash, key) for key in new)
                offset += len(page)
        raise UpstreamError(f"OpenRouter lists more than {_MOST_KEYS} keys", status=200)

    async def key(self, key_hash: str, *, management_key: str) -> RemoteKey | None:
        body = await self._of_one("GET", key_hash, key=management_key)
        return None if body is None else _described(body)

    async def create(self, terms: KeyTerms, *, management_key: str) -> NewKey:
        wanted: dict[str, object] = {
            "name": terms.name,
            "limit": None if terms.limit_pusd is None else usd_decimal(terms.limit_pusd),
            "limit_reset": _RESET,
            "include_byok_in_limit": True,
        }
        async with self._open() as transport:
            body = await _asked(transport, "POST", "/keys", key=management_key, body=wanted)
        secret = body.get("key")
        if not isinstance(secret, str) or not secret:
            raise UpstreamError("OpenRouter made a key and did not show it", status=201)
        return NewKey(key=_described(body), secret=secret)

    async def change(
        self, key_hash: str, changes: Mapping[str, object], *, management_key: str
    ) -> RemoteKey | None:
        body = await self._of_one("PATCH", key_hash, key=management_key, body=changes)
        return None if body is None else _described(body)

    async def delete(self, key_hash: str, *, management_key: str) -> bool:
        return await self._of_one("DELETE", key_hash, key=management_key) is not None

    async def own_key(self, secret: str) -> OwnKey | None:
        async with self._open() as transport:
            try:
                body = await transport.request("GET", "/key", key=secret)
            except UpstreamError as error:
                if error.status == 401:
                    return None
                raise _explained(error) from None
        data = _data(body)
        is_management = data.get("is_management_key") or data.get("is_provisioning_key")
        return OwnKey(label=_text(data.get("label")), is_management=bool(is_management))

    async def _of_one(
        self, method: str, key_hash: str, *, key: str, body: Mapping[str, object] | None = None
    ) -> Mapping[str, Any] | None:
        path = f"/keys/{quote(key_hash, safe='')}"
        async with self._open() as transport:
            try:
                return await transport.request(method, path, key=key, body=body)
            except UpstreamError as error:
                if error.status == 404:
                    return None
                raise _explained(error) from None

    def _open(self) -> Transport:
        return Transport(self._base_url, total_s=self._total_s)


def usd_decimal(pusd: int) -> Decimal:
    """Picodollars as an exact number of USD."""
    return Decimal(pusd) / PICO


async def _asked(
    transport: Transport,
    method: str,
    path: str,
    *,
    key: str,
    body: Mapping[str, object] | None = None,
) -> Mapping[str, Any]:
    try:
        return await transport.request(method, path, key=key, body=body)
    except UpstreamError as error:
        raise _explained(error) from None


def _explained(error: UpstreamError) -> UpstreamError:
    """The same error as a sentence that says what to do."""
    status = error.status
    if status == 0:
        is_slow = "Timeout" in str(error)
        text = "did not answer in time" if is_slow else f"could not be reached ({error})"
        return UpstreamError(f"OpenRouter {text}: try again later", status=0)
    if status >= 500:
        return UpstreamError(f"OpenRouter is in trouble ({error}): try again later", status=status)
    sentence = _SENTENCES.get(status, f"OpenRouter refused the request ({error})")
    return UpstreamError(sentence, status=status)


def _listed(body: Mapping[str, Any]) -> list[RemoteKey]:
    data = body.get("data")
    if not isinstance(data, list):
        raise UpstreamError("OpenRouter answered GET /keys without a list", status=200)
    return [_key(item) for item in data if isinstance(item, Mapping) and _text(item.get("hash"))]


def _described(body: Mapping[str, Any]) -> RemoteKey:
    return _key(_data(body))


def _data(body: Mapping[str, Any]) -> Mapping[str, Any]:
    data = body.get("data")
    if not isinstance(data, Mapping):
        raise UpstreamError("OpenRouter described a key without data", status=200)
    return data


def _key(data: Mapping[str, Any]) -> RemoteKey:
    key_hash = _text(data.get("hash"))
    if key_hash is None:
        raise UpstreamError("OpenRouter described a key without its hash", status=200)
    counts_byok = data.get("include_byok_in_limit")
    return RemoteKey(
        hash=key_hash,
        name=_text(data.get("name")) or "",
        label=_text(data.get("label")),
        is_disabled=data.get("disabled") is True,
        limit_pusd=_limit(data.get("limit")),
        limit_reset=_text(data.get("limit_reset")),
        counts_byok=counts_byok if isinstance(counts_byok, bool) else None,
    )


def _limit(value: object) -> int | None:
    """Raw picodollars. It may be above what an amount of ours can be: a markup can be below 1.

    One odd key must not stop the check of all others, so what is no amount becomes one that no key
    is to have, and is put right.
    """
    if value is None:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and 0 <= number < 10**15:
            return int((number * PICO).to_integral_value())
    return _NO_AMOUNT


def _text(value: object) -> str | None:
    return value[:300] if isinstance(value, str) and value else None
