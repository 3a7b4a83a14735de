"""Sending a webhook: signed after Standard Webhooks, to an address that was looked at."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from standardwebhooks.webhooks import Webhook

from mai_usage_ext.channels.addresses import AddressRules, Lookup, addresses_of
from mai_usage_ext.channels.resolver import GuardedResolver
from mai_usage_ext.errors import BadInput
from mai_usage_ext.guard import own_traffic
from mai_usage_ext.ports.webhooks import Answered, Message
from mai_usage_ext.version import __version__

__all__ = ["WebhookSender"]

_TOTAL_S = 15.0
# The status says it all; a body is a hint for a person, and nobody waits long for it.
_BODY_S = 2.0
_MOST_BODY = 4096
_MOST_SHOWN = 500
_MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


class WebhookSender:
    """Implements ``ports.webhooks.WebhookChannel``, in whichever event loop it is called.

    Each attempt has a connection of its own, so that names are resolved and looked at anew.
    """

    def __init__(
        self, rules: AddressRules, *, total_s: float = _TOTAL_S, lookup: Lookup = addresses_of
    ) -> None:
        self._rules = rules
        self._timeout = aiohttp.ClientTimeout(total=total_s)
        self._lookup = lookup

    async def send(
        self, url: str, message: Message, *, secrets: Sequence[str], at_ms: int
    ) -> Answered:
        begun = time.monotonic()
        status, answer, problem, retry_after_s = None, "", "", None
        try:
            self._rules.place_of(url)
            headers = _headers(message, secrets, at_ms)
            # The mark keeps our own meter, which wraps every client of the host, out of it.
            with own_traffic():
                async with (
                    self._session() as session,
                    session.post(
                        url,
                        data=message.body.encode(),
                        headers=headers,
                        allow_redirects=False,
                    ) as response,
                ):
                    status = response.status
                    retry_after_s = _seconds(response.headers.get("Retry-After"))
                    answer = await _beginning(response)
        except BadInput as error:
            problem = str(error)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if status is None:
                problem = _problem(error)
        if status is not None and 300 <= status < 400:
            problem = "redirects are not followed: enter the URL it leads to"
        return Answered(
            status=status,
            duration_ms=int((time.monotonic() - begun) * 1000),
            answer=answer,
            problem=problem,
            retry_after_s=retry_after_s,
        )

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(self._rules, lookup=self._lookup),
            use_dns_cache=False,
            force_close=True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy would connect for us, to whatever it likes; a bomb stays packed.
            trust_env=False,
            auto_decompress=False,
        )


def _headers(message: Message, secrets: Sequence[str], at_ms: int) -> dict[str, str]:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    signatures = [Webhook(secret).sign(message.id, moment, message.body) for secret in secrets]
    return {
        "content-type": _MEDIA_TYPE,
        "user-agent": f"mai-usage/{__version__}",
        "webhook-id": message.id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": " ".join(signatures),
    }


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first characters of the body, as far as they come soon; the rest is not read."""
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_BODY_S):
            while len(body) < _MOST_BODY and (chunk := await response.content.readany()):
                body += chunk
    response.close()
    text = bytes(body[:_MOST_BODY]).decode("utf-8", "replace")
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)[
        :_MOST_SHOWN
    ]


def _seconds(text: str | None) -> int | None:
    """``Retry-After`` is a number of seconds or a date; anything else is taken for nothing."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return int(text.strip()[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0, int((moment - datetime.now(UTC)).total_seconds()))


def _problem(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = getattr(error, "os_error", None) or error
    return f"no answer: {str(cause)[:200] or type(error).__name__}"
