"""A fork that still carries mAI's in-tree metering: we stay out of it, and say what to remove."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import LOOPBACK, HostProcess
from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.oldest_only]

MANAGER = "open_webui.utils.openrouter_client_manager"
PLANTED = {"PYTHONPATH": str(Path(__file__).parent / "planted")}


class Fork(HostProcess):
    """Started as a fork starts itself: by an app in which ``install`` was called."""

    def command(self) -> Sequence[str]:
        where = ["--host", LOOPBACK, "--port", str(self.port)]
        return [str(self.python), "-m", "uvicorn", "mai_usage_ext.asgi:app", *where]


async def test_a_fork_that_meters_by_itself_is_left_alone(
    theatre: Theatre, session: aiohttp.ClientSession
) -> None:
    with theatre.new("fork", environment=PLANTED, kind=Fork) as fork:
        anna = theatre.person(session, fork, "Anna")
        plain = theatre.person(session, theatre.plain, "Anna")
        known = len(theatre.simulator.bill.records)
        for path in (CHAT, OPENAI_CHAT):
            assert (await anna.chat("Hello", path=path)).status == 200

        calls = theatre.simulator.bill.records[known:]
        # The key is the host's and the user nobody's: neither was changed on the way.
        assert [call.user for call in calls] == [None, None]
        assert (await plain.chat("Hello")).status == 200
        [*_, untouched] = theatre.simulator.bill.records
        assert {call.key_hash for call in calls} == {untouched.key_hash}
        # Nothing of ours is there: no table, no route.
        assert not fork.usage_database.exists()
        ours = "/api/v1/client_organizations/health"
        assert await anna.get(ours) == await plain.get(ours)
        assert f"remove {MANAGER}" in fork.log_text()
        assert "Traceback" not in fork.log_text()


def test_the_doctor_says_what_to_remove(theatre: Theatre) -> None:
    host = theatre.new("fork-doctor", environment=PLANTED)
    told = subprocess.run(
        [theatre.software.python, "-m", "mai_usage_ext.cli", "doctor"],
        env=host.variables(),
        cwd=host.data,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 1, told.stderr
    [line] = [line for line in told.stdout.splitlines() if line.startswith("MISSING")]
    assert MANAGER in line
    assert f"remove {MANAGER} and its router from the host" in told.stdout


def test_serve_ends_with_the_same_words(theatre: Theatre) -> None:
    host = theatre.new("fork-serve", environment=PLANTED)
    host.launch()
    try:
        assert host.wait_for_exit(timeout_s=60) not in (0, None)
    finally:
        host.kill()
    assert f"remove {MANAGER}" in host.log_text()
    assert not host.usage_database.exists()
