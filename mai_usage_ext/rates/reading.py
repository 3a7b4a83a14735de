"""One GET to a bank: a bounded text, or an ``UpstreamError`` that says what came instead."""

import aiohttp

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.guard import own_traffic

__all__ = ["read_text"]

_MOST_BYTES = 5_000_000
_HEADERS = {"User-Agent": "mai-usage-ext", "Accept-Encoding": "gzip, deflate"}


async def read_text(url: str, *, accept: str, total_s: float) -> str | None:
    """The text in UTF-8; ``None`` where the answer is 404, which is how banks say "no such day".

    Raises ``UpstreamError`` for every other error answer, for one that is too long or takes more
    than ``total_s`` seconds, and where none came.
    """
    timeout = aiohttp.ClientTimeout(total=total_s, connect=min(total_s, 5))
    try:
        with own_traffic():
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.get(url, headers={**_HEADERS, "Accept": accept}) as response,
            ):
                if response.status == 404:
                    return None
                if response.status != 200:
                    raise UpstreamError(f"it answered {response.status}", status=response.status)
                return (await _bounded(response)).decode("utf-8-sig")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UpstreamError(f"no answer: {type(error).__name__}", status=0) from None
    except UnicodeDecodeError:
        raise UpstreamError("the answer is not text in UTF-8", status=200) from None


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise UpstreamError(f"the answer is longer than {_MOST_BYTES:,} bytes", status=200)
    return bytes(body)
