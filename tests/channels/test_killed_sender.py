"""kill -9 between crossing a mark and knowing that the mail server has taken the message."""

import subprocess
import sys

import pytest

from tests.channels.mail_server import MailServer, running_mail_server


def start(url: str, server: MailServer, *work: str) -> subprocess.Popen[str]:
    smtp = f"smtp+plain://127.0.0.1:{server.port}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.channels.alert_program", url, smtp, *work],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_what_was_crossed_is_sent_after_a_restart_and_twice_at_most_as_one(
    database_url: str,
) -> None:
    with running_mail_server() as server:
        crossing = start(database_url, server, "cross", "send")
        assert crossing.stdout is not None
        assert crossing.stdout.readline() == "crossed\n"
        kill(crossing)

        # The server has the whole message, and the process will never know.
        server.gate.clear()
        sending = start(database_url, server, "send")
        assert server.arrived.wait(60)
        kill(sending)
        server.gate.set()

        for _ in range(2):
            restarted = start(database_url, server, "send")
            restarted.communicate()
            assert restarted.returncode == 0
    assert len(server.messages) == 2
    assert len({message["Message-ID"] for message in server.messages}) == 1
    assert [("100 % of the limit" in str(message)) for message in server.messages] == [True] * 2
