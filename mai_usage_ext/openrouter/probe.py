"""The way to OpenRouter, tried step by step: name, connection, models, management key, credits.

Source of paths and fields: OpenRouter's API reference.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from mai_usage_ext.errors import BadInput, UpstreamError
from mai_usage_ext.metering.money import pusd_from_usd, usd_from_pusd
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.contact import contacts
from mai_usage_ext.openrouter.management import ManagementClient
from mai_usage_ext.openrouter.transport import Transport
from mai_usage_ext.ports.steps import Step

__all__ = ["OpenRouterProbe"]

_TIMEOUT_S = 10.0

_Try = Callable[[], Awaitable[str]]


class OpenRouterProbe:
    """Implements ``ports.steps.CheckRun``. Each step has its own connection; what one needs of an
    earlier one is left out where that failed."""

    def __init__(self, base_url: str, *, management_key: Callable[[], str | None]) -> None:
        self._base_url = base_url
        self._management_key = management_key

    async def run(self) -> Sequence[Step]:
        url = URL(self._base_url)
        place, proxy = _place(url)
        steps = [await _step("name", lambda: _resolve(place), _advice_of_name(proxy))]
        if steps[-1].is_ok:
            steps.append(await _step("connection", lambda: _connect(place), _ADVICE_OF_CONNECTION))
            if proxy is not None:
                seen = f"{steps[-1].seen} (the proxy that the environment names)"
                steps[-1] = replace(steps[-1], seen=seen)
        if not steps[-1].is_ok:
            return steps
        steps.append(await _step("models", self._models, _ADVICE_OF_MODELS))
        key = self._management_key()
        if key is None:
            steps.append(
                Step(
                    name="management key",
                    is_ok=False,
                    ms=0,
                    seen="no management key is configured",
                    advice="set OPENROUTER_PROVISIONING_KEY, or openrouter_provisioning_key by "
                    "POST settings, to a key made under Management Keys at OpenRouter; without it "
                    "there are no keys for organizations and no reconciliation",
                )
            )
            return steps
        steps.append(await _step("management key", lambda: self._key(key), _ADVICE_OF_KEY))
        steps.append(await _step("credits", lambda: self._credits(key), _ADVICE_OF_CREDITS))
        return steps

    async def _models(self) -> str:
        async with OpenRouterClient(self._base_url) as client:
            models = await client.models()
        if not models:
            raise UpstreamError("GET /models lists no model", status=200)
        return f"GET /models lists {len(models)} models"

    async def _key(self, key: str) -> str:
        own = await ManagementClient(self._base_url, total_s=_TIMEOUT_S).own_key(key)
        if own is None:
            raise UpstreamError("OpenRouter does not accept the key (401)", status=401)
        if not own.is_management:
            raise UpstreamError(f"{own.label or 'the key'} is no management key", status=403)
        return f"OpenRouter knows the management key {own.label or ''}".rstrip()

    async def _credits(self, key: str) -> str:
        async with Transport(self._base_url, total_s=_TIMEOUT_S) as transport:
            data = (await transport.request("GET", "/credits", key=key)).get("data")
        try:
            amounts = [pusd_from_usd(data[name]) for name in ("total_credits", "total_usage")]  # type: ignore[index]
        except (BadInput, KeyError, TypeError):
            raise UpstreamError("GET /credits answered without amounts", status=200) from None
        left = amounts[0] - amounts[1]
        contacts.credited(self._base_url, left)
        if left <= 0:
            raise UpstreamError(f"the account has {usd_from_pusd(left)} USD left", status=402)
        return f"{Decimal(usd_from_pusd(left)):.2f} USD of credits are left"


def _place(url: URL) -> tuple[URL, URL | None]:
    """Where connections go to: the address itself, or the proxy that the environment names."""
    with suppress(LookupError):
        proxy, _ = get_env_proxy_for_url(url)
        return proxy, proxy.with_user(None).with_password(None)
    return url, None


async def _resolve(place: URL) -> str:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(place.host or "", place.port, type=socket.SOCK_STREAM)
    addresses = sorted({str(one[4][0]) for one in found})
    more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
    return f"{place.host} is {', '.join(addresses[:3])}{more}"


async def _connect(place: URL) -> str:
    is_encrypted = place.scheme == "https"
    context = ssl.create_default_context() if is_encrypted else None
    _, writer = await asyncio.open_connection(place.host, place.port, ssl=context)
    session: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    spoken = "" if session is None else f" over {session.version()}"
    return f"connected to {place.host}:{place.port}{spoken}"


async def _step(name: str, work: _Try, advice: str) -> Step:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(2 * _TIMEOUT_S):
            seen, is_ok = await work(), True
    except (OSError, TimeoutError, UpstreamError, ValueError) as error:
        seen, is_ok = _told(error), False
    ms = round((time.perf_counter() - began) * 1000)
    return Step(name=name, is_ok=is_ok, ms=ms, seen=seen, advice="" if is_ok else advice)


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, UpstreamError):
        return str(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _advice_of_name(proxy: URL | None) -> str:
    where = "the proxy's variables (HTTPS_PROXY)" if proxy else "OPENROUTER_BASE_URL"
    return f"check {where} for a slip, and the name server of this machine or container"


_ADVICE_OF_CONNECTION = (
    "let this machine reach the address: a firewall, a network policy of the container, or a proxy "
    "that is wanted (HTTPS_PROXY) is in the way; for a certificate, check the machine's clock and "
    "its CA certificates (SSL_CERT_FILE)"
)
_ADVICE_OF_MODELS = (
    "OPENROUTER_BASE_URL must be the API's address, such as https://openrouter.ai/api/v1; if it "
    "is, see status.openrouter.ai and try again"
)
_ADVICE_OF_KEY = (
    "enter a key made under Management Keys at OpenRouter as OPENROUTER_PROVISIONING_KEY, or by "
    "POST settings"
)
_ADVICE_OF_CREDITS = "add credits at openrouter.ai/settings/credits: without any, every call fails"
