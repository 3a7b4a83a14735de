"""One request to OpenRouter and its answer: JSON with exact numbers, and no secret in an error."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any

import aiohttp

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.guard import own_traffic
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.openrouter.contact import contacts

__all__ = ["Transport", "without_secrets"]

_TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)
_SECRET = re.compile(r"sk-[\w-]{8,}")


class Transport:
    """One session, opened by the first request and bound to that request's event loop.

    ``total_s`` is how long a request may take from beginning to end, in seconds.
    """

    def __init__(self, base_url: str, *, total_s: float | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = _TIMEOUT
        if total_s is not None:
            self._timeout = aiohttp.ClientTimeout(total=total_s, connect=min(total_s, 5))
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, path: str, *, key: str | None, body: Mapping[str, object] | None = None
    ) -> Mapping[str, Any]:
        """The JSON object of an answer.

        Raises ``UpstreamError`` with the status of an error answer, with status 0 when no answer
        came: then nobody knows whether the request took effect.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=True)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = _json(body)
        try:
            with own_traffic():
                async with self._session.request(
                    method, self._base_url + path, headers=headers, data=data
                ) as response:
                    text = await response.text()
                    status, date = response.status, response.headers.get("Date")
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError, ValueError) as error:
            contacts.failed(self._base_url, type(error).__name__)
            raise UpstreamError(f"no answer: {type(error).__name__}", status=0) from None
        contacts.answered(self._base_url, status=status, date=date)
        if status >= 400:
            raise UpstreamError(f"{status}: {_message(text)}", status=status)
        return _object(text, status=status)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> "Transport":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def without_secrets(text: str) -> str:
    """A text of the other side, with everything that looks like a key taken out."""
    return _SECRET.sub("sk-…", text)


def _json(body: Mapping[str, object]) -> bytes:
    """A flat JSON object whose amounts are written digit by digit: a float would change them."""
    members = (f"{json.dumps(name)}: {_value(value)}" for name, value in body.items())
    return ("{" + ", ".join(members) + "}").encode()


def _value(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


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
        message = str(parse_json(text)["error"]["message"])[:300]
    except (ValueError, RecursionError, KeyError, TypeError):
        message = text[:100]
    return without_secrets(message)
