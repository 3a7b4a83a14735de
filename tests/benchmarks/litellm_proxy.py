"""LiteLLM's proxy without a database: what people put between Open WebUI and OpenRouter instead."""

import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from mai_usage_ext.demo.host_process import LOOPBACK, free_port
from tests.benchmarks.rivals import rival_python, version_of

__all__ = ["LiteLlm", "ProxyError"]

_START_TIMEOUT_S = 120
_CONFIGURATION = """\
model_list:
  - model_name: {model}
    litellm_params: {{model: {target}, api_base: {upstream}, api_key: {key}}}
general_settings: {{master_key: {master}}}
"""


class ProxyError(Exception):
    """The proxy did not start; the text ends with what it said."""


class LiteLlm:
    """One worker of the proxy before ``upstream``. Raises ``WorkshopError`` where it cannot be
    installed, and ``ProxyError``."""

    def __init__(self, folder: Path, *, upstream: str, key: str, model: str) -> None:
        self._python = rival_python("litellm", ["litellm[proxy]>=1.80"])
        self._folder = folder
        self._port = free_port()
        # It refuses to start without one.
        self.key = "sk-" + secrets.token_hex(16)
        folder.mkdir()
        (folder / "config.yaml").write_text(
            _CONFIGURATION.format(
                model=json.dumps(model),
                target=json.dumps(f"openai/{model}"),
                upstream=json.dumps(upstream),
                key=json.dumps(key),
                master=json.dumps(self.key),
            )
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}/v1"

    @property
    def _alive(self) -> str:
        return f"http://{LOOPBACK}:{self._port}/health/liveliness"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def version(self) -> str:
        return version_of(self._python, "litellm")

    def __enter__(self) -> Self:
        command = [self._python.with_name("litellm"), "--config", "config.yaml"]
        command += ["--host", LOOPBACK, "--port", str(self._port)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self._folder),
                    # Else it asks GitHub for prices.
                    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                    "LITELLM_TELEMETRY": "False",
                    # As its documentation advises for production.
                    "LITELLM_MODE": "PRODUCTION",
                    "LITELLM_LOG": "ERROR",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self._alive, timeout=5):  # noqa: S310 - our own http URL
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
        said = (self._folder / "log").read_text(errors="replace").strip()
        raise ProxyError(f"LiteLLM's proxy did not start; it said: {said[-600:]}")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
