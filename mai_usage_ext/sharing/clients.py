"""A client of the host's Redis: one server, a master that sentinels know, or a cluster.

The three are told apart as Open WebUI 0.12.4 does it in ``open_webui.utils.redis``: sentinels come
first, and with them the URL's host is the name of the master.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from mai_usage_ext.ports.messages import RedisPlace

__all__ = ["RedisClient", "connect", "reason_of"]

_DEFAULT_MASTER = "mymaster"
_NO_PACKAGE = "the Python package redis is missing: pip install 'mai-usage-ext[redis]'"


class RedisClient:
    """``commands`` is a client of the ``redis`` package; ``close`` lets go of all its sockets."""

    def __init__(self, commands: Any, *, others: Sequence[Any] = ()) -> None:
        self.commands = commands
        self._all = (commands, *others)

    def close(self) -> None:
        for client in self._all:
            # What cannot be closed properly is closed by its end.
            with suppress(Exception):
                client.close()
            pool = getattr(client, "connection_pool", None)
            if pool is not None:
                pool.disconnect()


def connect(place: RedisPlace, *, timeout_s: float) -> RedisClient:
    """A client that waits ``timeout_s`` at most for each answer and does not try again by itself.

    Only that of a cluster asks its servers at once. Raises ``ImportError`` without the package, and
    whatever the package raises.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": True,
    }
    make: Callable[[RedisPlace, dict[str, Any]], RedisClient] = _server
    if place.sentinels:
        make = _master
    elif place.is_cluster:
        make = _cluster
    return make(place, options)


def _server(place: RedisPlace, options: dict[str, Any]) -> RedisClient:
    import redis

    return RedisClient(redis.Redis.from_url(place.url, retry=_no_retry(), **options))


def _master(place: RedisPlace, options: dict[str, Any]) -> RedisClient:
    from redis import sentinel as package

    # It has no types.
    sentinel_of: Any = package.Sentinel
    url = urlsplit(place.url)
    who = {"username": url.username or None, "password": url.password or None}
    sentinel = sentinel_of(
        place.sentinels,
        sentinel_kwargs={**who, "retry": _no_retry(), **options},
        db=int(url.path.lstrip("/") or "0"),
        retry=_no_retry(),
        **who,
        **options,
    )
    # A URL's hostname is in small letters, while the names of masters tell them apart.
    name = url.netloc.rpartition("@")[2].split(":")[0] or _DEFAULT_MASTER
    return RedisClient(sentinel.master_for(name), others=sentinel.sentinels)


def _cluster(place: RedisPlace, options: dict[str, Any]) -> RedisClient:
    from redis.cluster import RedisCluster

    return RedisClient(RedisCluster.from_url(place.url, **options))


def _no_retry() -> Any:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Retry(NoBackoff(), 0)


def reason_of(error: Exception, place: RedisPlace) -> str:
    """An error in words that say what to look at, without the password that a server may repeat."""
    if isinstance(error, ImportError):
        return _NO_PACKAGE
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    password = urlsplit(place.url).password
    for secret in {password, unquote(password)} if password else ():
        text = text.replace(secret, "…")
    return f"{text} (look at REDIS_URL and the server there)"
