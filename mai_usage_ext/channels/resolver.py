"""Names become addresses once, right before a connection, and only those that passed are used.

So a name that led elsewhere when the webhook was saved leads nowhere now.
"""

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from mai_usage_ext.channels.addresses import AddressRules, Lookup, addresses_of

__all__ = ["GuardedResolver"]


class GuardedResolver(AbstractResolver):
    """aiohttp asks it for names only; whoever sends has to look at addresses in the URL."""

    def __init__(self, rules: AddressRules, *, lookup: Lookup = addresses_of) -> None:
        self._rules = rules
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises ``ForbiddenAddress``, which is an ``OSError`` as aiohttp expects."""
        found = await asyncio.to_thread(self._lookup, host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._rules.usable(host, found)
        ]

    async def close(self) -> None:
        """There is nothing to release."""
