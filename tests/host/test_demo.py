"""The demo, as somebody runs it for the first time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mai_usage_ext.demo.accounts import Accounts
from mai_usage_ext.demo.host_process import port_is_free
from mai_usage_ext.simulator import SimulatorThread

pytestmark = pytest.mark.host

KEYS = [
    "host",
    "upstream_calls",
    "ledger_entries",
    "pending",
    "bill_pusd",
    "ledger_pusd",
    "equal",
    "lost",
    "duplicated",
]


@contextmanager
def demo(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`mai-usage demo`, ended at the end of the block if it is not over by then."""
    with subprocess.Popen(
        [sys.executable, "-m", "mai_usage_ext.cli", "demo", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def verdict_of(line: str) -> Mapping[str, object]:
    found: dict[str, object] = json.loads(line)
    assert list(found) == KEYS
    return found


def test_once_plays_compares_and_ends(tmp_path: Path) -> None:
    with demo("--once", "--data", str(tmp_path / "demo")) as process:
        output, errors = process.communicate(timeout=280)

    assert process.returncode == 0, output + errors
    verdict = verdict_of(output.splitlines()[-1])
    assert verdict["upstream_calls"] == verdict["ledger_entries"] == 43
    assert verdict["bill_pusd"] == verdict["ledger_pusd"] != 0
    assert (verdict["pending"], verdict["lost"], verdict["duplicated"]) == (0, 0, 0)
    assert verdict["equal"] is True
    assert verdict["host"] == "0.12.4"


def test_with_a_key_it_plays_on_the_real_service_until_it_is_stopped(tmp_path: Path) -> None:
    """The real service is played by the simulator, of which the demo knows nothing here."""
    with SimulatorThread() as openrouter:
        environment = {
            "OPENROUTER_API_KEY": openrouter.inference_key,
            "OPENROUTER_BASE_URL": openrouter.url,
            "OPENROUTER_MODEL": "qwen/qwen3-8b",
        }
        arguments = ("--data", str(tmp_path / "demo"), "--port", "0")
        with demo(*arguments, **environment) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C" in line:
                    break
            text = "".join(lines)
            if process.poll() is not None:
                text += process.communicate()[1]
            assert "they cost money" in text
            assert "equal to the picodollar; lost 0, duplicated 0" in text
            # Every login that is printed works, and the traffic really went there.
            [url] = re.findall(r"Open +(http://\S+)", text)
            logins = re.findall(r"(\S+@\S+) +(\S+)", text)
            assert len(logins) == 6
            for email, password in logins:
                form = {"email": email, "password": password}
                assert Accounts(url).call("POST", "/api/v1/auths/signin", form)["token"]
            models = {record.model_asked for record in openrouter.bill.records}
            assert models == {"qwen/qwen3-8b", "openai/text-embedding-3-small"}

            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)

        assert process.returncode == 0, errors
        assert "stopped" in rest
        assert "Traceback" not in errors
        # The host is gone as well.
        assert port_is_free(int(url.rpartition(":")[2]))


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [("file", "cannot be written"), ("full", "is not empty and not the demo's")],
)
def test_folders_that_it_does_not_touch(tmp_path: Path, folder: str, complaint: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    where = tmp_path / "file" / "below" if folder == "file" else tmp_path / "full"

    with demo("--once", "--data", str(where)) as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert complaint in errors
    assert (tmp_path / "full" / "mine").read_text() == "mine"


def test_a_port_in_use(tmp_path: Path) -> None:
    with (
        SimulatorThread() as somebody,
        demo("--port", str(somebody.port), "--data", str(tmp_path / "demo")) as process,
    ):
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert f"port {somebody.port} is in use" in errors
