"""The reseller's guide, run as it stands there: from the first client to the first statement.

One shell runs every block of the page. It stops where the page has a mark, and the test does what
time and people would do; clocks are set forwards past the month's end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from mai_usage_ext.demo.accounts import Accounts
from mai_usage_ext.demo.person import Person
from mai_usage_ext.metering.days import month_days, month_of
from mai_usage_ext.simulator import Simulator, SimulatorThread
from tests.host.reseller import OURS
from tests.host.theatre import ADMIN, CHEAP, ENVIRONMENT, Theatre
from tests.soak.clock import VARIABLE, ClockFile, SoakClock, tomorrow
from tests.soak.fleet import SoakHost
from tests.soak.tables import Tables

pytestmark = pytest.mark.host

_GUIDE = Path(__file__).parents[2] / "docs" / "resellers.md"
_PART = re.compile(r"^```sh\n(.*?)^```$|^<!-- (the [a-z ]+) -->$", re.MULTILINE | re.DOTALL)
_PAUSE = 'pause() { touch "$1"; until [ -e "$1 is over" ]; do sleep 0.1; done; }\n'
_WAIT_S = 120.0
_CHATS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    theatre: Theatre
    host: SoakHost
    simulator: Simulator
    clock: SoakClock
    folder: Path

    @property
    def admin_token(self) -> str:
        return self.theatre.people[ADMIN].account.token

    def ask(self, method: str, path: str, body: object | None = None) -> dict[str, object]:
        accounts = Accounts(self.host.url)
        answer: dict[str, object] = accounts.call(method, OURS + path, body, token=self.admin_token)
        return answer


@pytest.fixture
def stage(theatre: Theatre, tmp_path: Path) -> Iterator[_Stage]:
    thread = SimulatorThread()
    simulator = thread.start()
    try:
        with closing(ClockFile(tmp_path / "clock")) as file:
            clock = SoakClock(file, simulator)
            # A database's first day is never compared, because the meter saw only a part of it.
            environment = {
                **ENVIRONMENT,
                "OPENROUTER_PROVISIONING_KEY": simulator.management_key,
                VARIABLE: str(file.path),
            }
            host = SoakHost(
                theatre.new("guide").data,
                upstream=simulator.url,
                key=simulator.inference_key,
                environment=environment,
            )
            with _running(host):
                clock.set(tomorrow(9, 0))
                yield _Stage(
                    theatre=theatre, host=host, simulator=simulator, clock=clock, folder=tmp_path
                )
    finally:
        thread.stop()


@contextmanager
def _running(host: SoakHost) -> Iterator[None]:
    host.start()
    try:
        yield
    finally:
        host.stop()


async def test_the_guide_from_the_first_client_to_the_first_statement(stage: _Stage) -> None:
    today = stage.clock.now.date()
    shell = _shell(stage, today)
    try:
        _until(lambda: _is_at(stage, shell, "the people chat"), "the first chats")
        await _chat(stage)
        _over(stage, "the people chat")
        _until(lambda: _is_at(stage, shell, "the month passes"), "the month's end")
        _pass_the_month(stage, today)
        _over(stage, "the month passes")
        shell.wait(timeout=_WAIT_S)
    finally:
        shell.kill()
        shell.wait()
    assert shell.returncode == 0, (stage.folder / "said").read_text()[-2000:]
    _check_files(stage)


def _shell(stage: _Stage, today: date) -> subprocess.Popen[str]:
    parts = [found.groups() for found in _PART.finditer(_GUIDE.read_text("utf-8"))]
    marks = [mark for _, mark in parts if mark]
    assert marks == ["the people chat", "the month passes"]
    script = _PAUSE + "\n".join(block if block else f"pause '{mark}'" for block, mark in parts)
    variables = {
        "HOST": stage.host.url,
        "TOKEN": stage.admin_token,
        "ANNA": stage.theatre.people["Anna"].account.id,
        "MONTH": month_of(today),
        "LAST_DAY": month_days(today)[1].isoformat(),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (stage.folder / "said").open("w") as said:
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=stage.folder,
            env={**os.environ, **variables},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _is_at(stage: _Stage, shell: subprocess.Popen[str], mark: str) -> bool:
    if shell.poll() is not None:
        pytest.fail(f"the guide ended before {mark}: {(stage.folder / 'said').read_text()[-2000:]}")
    return (stage.folder / mark).exists()


def _over(stage: _Stage, mark: str) -> None:
    (stage.folder / f"{mark} is over").touch()


async def _chat(stage: _Stage) -> None:
    token = stage.theatre.people["Anna"].account.token
    async with aiohttp.ClientSession() as session:
        person = Person(session, stage.host.url, token=token, model=CHEAP)
        for number in range(_CHATS):
            answer = await person.chat(f"Question {number}", stream=bool(number % 2))
            assert answer.status == 200, answer.text


def _pass_the_month(stage: _Stage, today: date) -> None:
    """Two days into the next month: everything is sealed and compared by the host's own jobs."""
    last = month_days(today)[1]
    stage.clock.set(
        datetime(last.year, last.month, last.day, 6, 30, tzinfo=UTC) + timedelta(days=3)
    )
    with closing(Tables(stage.host.usage_database_url)) as tables:
        tables.forget_run("sealing")
        _until(lambda: not tables.live(), "every day sealed")
        day = today
        while day <= last + timedelta(days=1):
            stage.ask("POST", "/reconciliations/run", {"date": day.isoformat()})
            day += timedelta(days=1)


def _until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not met():
        assert time.monotonic() < deadline, f"in {_WAIT_S:.0f} s there was not {what}"
        time.sleep(0.1)


def _check_files(stage: _Stage) -> None:
    text = "\n".join(
        page.extract_text() for page in PdfReader(stage.folder / "statement.pdf").pages
    )
    assert "Piekarnia Kowalski" in text
    assert "Reseller GmbH" in text
    assert "3.9876" in text
    rows = list(load_workbook(stage.folder / "by-user.xlsx").active.values)
    assert any("Anna" in map(str, row) for row in rows)
    focus = (stage.folder / "focus.csv").read_text("utf-8").splitlines()
    assert "BilledCost" in focus[0]
    assert len(focus) > 1
