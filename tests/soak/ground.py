"""What the hosts stand on: one SQLite file or a PostgreSQL that may be restarted, and a Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.workshop.postgres import PostgresServer, running_postgres
from tests.workshop.redis import RedisServer

__all__ = ["Ground", "opened_ground"]


@dataclass(slots=True, kw_only=True)
class Ground:
    """``server`` is None where there is none that could be restarted."""

    url: str
    redis: RedisServer
    server: PostgresServer | None = None
    restarts: int = 0
    redis_losses: int = 0

    def restart(self, *, at_once: bool) -> None:
        """``at_once`` is as after a crash; harmless where there is no server."""
        if self.server is not None:
            self.server.restart(at_once=at_once)
            self.restarts += 1

    def flush_redis(self) -> None:
        """It forgets everything, the host's part too."""
        with self.redis.client() as client:
            client.flushall()
        self.redis_losses += 1

    def crash_redis(self) -> None:
        """Every connection breaks, and a new server knows nothing."""
        self.redis.kill()
        self.redis.start()
        self.redis_losses += 1


@contextmanager
def opened_ground(kind: str, folder: Path) -> Iterator[Ground]:
    redis = RedisServer(folder)
    redis.start()
    try:
        with _opened_database(kind, folder) as (url, server):
            yield Ground(url=url, redis=redis, server=server)
    finally:
        redis.kill()


@contextmanager
def _opened_database(kind: str, folder: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/usage.db", None
        return
    with running_postgres() as server:
        url = server.create_database()
        with psycopg.connect(url, autocommit=True) as connection:
            # The workshop's server does not wait for its log. Here what was committed has to
            # outlive a crash of the server, as it would in any real place.
            name = url.rpartition("/")[2]
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
        yield url, server
