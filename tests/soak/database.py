"""Where the hosts' books lie: one SQLite file, or a PostgreSQL that may be restarted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.workshop.postgres import PostgresServer, running_postgres

__all__ = ["Ground", "opened_ground"]


@dataclass(slots=True, kw_only=True)
class Ground:
    """``server`` is None where there is none that could be restarted."""

    url: str
    server: PostgresServer | None = None
    restarts: int = 0

    def restart(self, *, at_once: bool) -> None:
        """``at_once`` is as after a crash; harmless where there is no server."""
        if self.server is not None:
            self.server.restart(at_once=at_once)
            self.restarts += 1


@contextmanager
def opened_ground(kind: str, folder: Path) -> Iterator[Ground]:
    if kind == "sqlite":
        yield Ground(url=f"sqlite:///{folder}/usage.db")
        return
    with running_postgres() as server:
        url = server.create_database()
        with psycopg.connect(url, autocommit=True) as connection:
            # The workshop's server does not wait for its log. Here what was committed has to
            # outlive a crash of the server, as it would in any real place.
            name = url.rpartition("/")[2]
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
        yield Ground(url=url, server=server)
