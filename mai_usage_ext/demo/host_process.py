"""A real Open WebUI as a child process, which the demo and the tests start, kill and start again.

It runs in a closed network: it asks nobody for updates, embeds nothing, and its settings come from
the environment given here alone, so that nothing on the machine leaks into it.
"""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["LOOPBACK", "HostError", "HostProcess", "free_port", "port_is_free"]

LOOPBACK = "127.0.0.1"

# Open WebUI 0.6.18 takes the longest of those we run: about half a minute on two busy cores.
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 30.0

_CLOSED_NETWORK = {
    "USE_SLIM_DOCKER": "true",
    "OFFLINE_MODE": "true",
    "HF_HUB_OFFLINE": "1",
    "RAG_EMBEDDING_ENGINE": "openai",
    "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
    "ENABLE_OLLAMA_API": "false",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "ENABLE_PERSISTENT_CONFIG": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "true",
    "SCARF_NO_ANALYTICS": "true",
}

# Ordinary users see every model, and everybody may make an API key. The second spelling is that of
# 0.6.18.
_OPEN_DOORS = {
    "BYPASS_MODEL_ACCESS_CONTROL": "true",
    "ENABLE_API_KEYS": "true",
    "ENABLE_API_KEY": "true",
    "USER_PERMISSIONS_FEATURES_API_KEYS": "true",
}

# What a Python process needs to run at all; nothing else of our own environment is handed on.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


class HostError(Exception):
    """The host did not start; the text says why and shows the end of its log."""


class HostProcess:
    """One Open WebUI on one data folder; may be started, killed and started again.

    ``upstream`` is the base URL of OpenRouter or its simulator, ``key`` the host's key there.
    ``environment`` wins over everything set here. With ``extension=False`` the untouched host runs.
    ``port`` 0 takes a free one at the first start and keeps it.
    """

    def __init__(
        self,
        data: Path,
        *,
        upstream: str,
        key: str,
        port: int = 0,
        extension: bool = True,
        python: Path | str = sys.executable,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.data = data.absolute()
        self.log = log.absolute() if log else self.data / "host.log"
        self.extension = extension
        self.workers = workers
        self.environment = dict(environment or {})
        self._upstream = upstream
        self._key = key
        self._port = port
        # A virtual environment's interpreter is a link, and resolving it would leave that behind.
        self.python = Path(python).absolute()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:40123``."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        """Process id of the running host; 0 when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def usage_database(self) -> Path:
        """The SQLite file of the extension, beside the host's own."""
        return self.data / "mai_usage.db"

    @property
    def usage_database_url(self) -> str:
        return f"sqlite:///{self.usage_database}"

    @property
    def database(self) -> Path:
        """The SQLite file of the host."""
        return self.data / "webui.db"

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Start and wait until it answers. Raises ``HostError``."""
        self.launch()
        try:
            self.wait_until_healthy(timeout_s=timeout_s)
        except BaseException:
            self.kill()
            raise
        return self

    def launch(self) -> None:
        """Start without waiting. Raises ``HostError`` when the folder or the port is not ours."""
        if self.is_running:
            raise HostError(f"a host runs on {self.url} already")
        self._prepare_folder()
        if not self._port:
            self._port = free_port()
        elif not port_is_free(self._port):
            raise HostError(f"port {self._port} is in use; choose another one")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.data,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own group, so that workers die with it, and Ctrl-C reaches us alone.
                start_new_session=True,
            )

    def wait_until_healthy(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return once ``/health`` answers 200. Raises ``HostError``, with the log's tail."""
        deadline = time.monotonic() + timeout_s
        while True:
            code = self._process.poll() if self._process else 0
            if code is not None:
                raise HostError(f"Open WebUI ended with exit code {code}{self._log_tail()}")
            if _answers(self.url + "/health"):
                return
            if time.monotonic() > deadline:
                raise HostError(f"Open WebUI did not answer in {timeout_s:.0f} s{self._log_tail()}")
            time.sleep(0.1)

    def wait_for_exit(self, *, timeout_s: float = START_TIMEOUT_S) -> int:
        """Wait until it ends by itself and return its exit code. Raises ``HostError``."""
        if self._process is None:
            raise HostError("the host was never started")
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise HostError(f"Open WebUI still runs after {timeout_s:.0f} s") from None

    def kill(self) -> None:
        """End the whole process group at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()
        self._process = None

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask it to end, wait, and return its exit code; killed when it does not listen."""
        if self._process is None:
            return 0
        # The first process passes the wish on to its workers.
        self._process.terminate()
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL
        self._process = None
        return code

    def __enter__(self) -> Self:
        return self if self.is_running else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def command(self) -> Sequence[str]:
        """The command line that starts it."""
        where = ["--host", LOOPBACK, "--port", str(self._port)]
        if self.extension:
            # Workers are counted by the host's own variable, UVICORN_WORKERS.
            return [str(self.python), "-m", "mai_usage_ext.cli", "serve", *where]
        workers = ["--workers", str(self.workers)]
        return [str(self.python), "-m", "uvicorn", "open_webui.main:app", *where, *workers]

    def variables(self) -> dict[str, str]:
        """Its whole environment."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            **_CLOSED_NETWORK,
            **_OPEN_DOORS,
            "FROM_INIT_PY": "true",
            "PYTHONUNBUFFERED": "1",
            "DATA_DIR": str(self.data),
            # The host wipes and refills this folder at start, so two hosts must not share it.
            "STATIC_DIR": str(self.data / "static"),
            "WEBUI_SECRET_KEY": "a-secret-for-hosts-that-listen-on-the-loopback-interface",
            "OPENAI_API_BASE_URL": self._upstream,
            "OPENAI_API_KEY": self._key,
            "OPENROUTER_BASE_URL": self._upstream,
            "UVICORN_WORKERS": str(self.workers),
            **self.environment,
        }

    def version(self) -> str:
        """The running host's version. Raises ``HostError``."""
        try:
            with urllib.request.urlopen(self.url + "/api/version", timeout=10) as answer:  # noqa: S310 - our own http URL
                return str(json.load(answer)["version"])
        except (OSError, ValueError, KeyError) as error:
            raise HostError(f"{self.url} does not tell its version: {error}") from error

    def log_text(self) -> str:
        """Everything it logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _prepare_folder(self) -> None:
        try:
            (self.data / "static").mkdir(parents=True, exist_ok=True)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.touch()
        except OSError as error:
            raise HostError(f"the data folder {self.data} cannot be written: {error}") from error

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _log_tail(self, lines: int = 25) -> str:
        tail = "\n".join(self.log_text().splitlines()[-lines:])
        return f"; the end of {self.log}:\n{tail}" if tail else f"; {self.log} is empty"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do, so that connections of the one before, still winding down, do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
