"""The host's own keys for a metered base URL, to ask about calls made before a restart."""

import asyncio
import importlib
from collections.abc import Sequence
from typing import Any

from mai_usage_ext.guard import shielded
from mai_usage_ext.ports import Hold

__all__ = ["HostKeys"]


class HostKeys:
    """Reads the connections anew each time: an admin may have changed them a second ago."""

    def __init__(
        self, app: Any, base_urls: tuple[str, ...], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._app = app
        self._base_urls = base_urls
        self._loop = loop

    async def for_hold(self, hold: Hold) -> Sequence[str]:
        """Keys of the host's metered connections. The host's configuration lives on its own event
        loop, so the question is put there from whichever loop asks."""
        with shielded("reading the host's connections"):
            asked = asyncio.run_coroutine_threadsafe(self._connections(), self._loop)
            urls, keys = await asyncio.wait_for(asyncio.wrap_future(asked), timeout=5)
            return [
                str(key)
                for url, key in zip(urls, keys, strict=False)
                if key and str(url).rstrip("/") in self._base_urls
            ]
        return ()

    async def _connections(self) -> tuple[Sequence[str], Sequence[str]]:
        config = getattr(self._app.state, "config", None)
        if config is not None and hasattr(config, "OPENAI_API_BASE_URLS"):
            return config.OPENAI_API_BASE_URLS, config.OPENAI_API_KEYS  # 0.6
        stored = importlib.import_module("open_webui.models.config").Config  # 0.12
        return (
            await stored.get("openai.api_base_urls") or [],
            await stored.get("openai.api_keys") or [],
        )
