"""The command line: what each command prints, and what a wrong input is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from mai_usage_ext.cli import main
from mai_usage_ext.doctor import examine
from tests.workshop.hosts import NEWEST


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "usage.db"
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", f"sqlite:///{file}")
    return file


def test_migrating_there_and_back(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "status"]) == 0
    assert "waits to be applied" in capsys.readouterr().out
    assert main(["migrate", "up"]) == 0
    assert "applied: 1" in capsys.readouterr().out
    assert main(["migrate", "up"]) == 0
    assert "all is up to date" in capsys.readouterr().out
    assert main(["migrate", "status"]) == 0
    assert "0001  initial" in (shown := capsys.readouterr().out)
    assert "waits" not in shown
    assert main(["migrate", "down", "--to", "0"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert main(["migrate", "down", "--to", "0", "--yes"]) == 0
    assert "taken back: 1" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["migrate", "status"], ["migrate", "up"], ["serve"]])
@pytest.mark.parametrize(("name", "value"), [("BILLING_CURRENCY", "x"), ("MAI_USAGE_TYPO", "1")])
def test_a_wrong_setting_is_named(
    command: list[str],
    name: str,
    value: str,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert main(command) == 2
    assert name in capsys.readouterr().err
    assert not database.exists()


def test_a_database_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", "mysql://user:secret@host/db")
    assert main(["migrate", "up"]) == 2
    said = capsys.readouterr().err
    assert "MAI_USAGE_DATABASE_URL" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "argv",
    [
        [], ["nonsense"], ["serve", "--port", "70000"], ["serve", "--workers", "0"],
        ["migrate"], ["migrate", "down"], ["migrate", "up", "--to", "x"],
        ["simulate", "--port", "x"],
    ],
)  # fmt: skip
def test_wrong_arguments_are_told_the_usage(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: mai-usage" in capsys.readouterr().err


@pytest.mark.host
def test_the_doctor_finds_every_seam_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {**NEWEST.slim_environment(), "DATA_DIR": str(tmp_path / "data")}
    environ["MAI_USAGE_DATABASE_URL"] = f"sqlite:///{tmp_path}/usage.db"
    assert examine(environ) == 0
    said = capsys.readouterr().out
    assert "MISSING" not in said
    assert "outgoing calls: aiohttp.ClientSession._request" in said
    assert "1 migrations to apply" in said
    assert not (tmp_path / "data").exists(), "nothing permanent"
    assert examine({**environ, "BILLING_CURRENCY": "x"}) == 1
    assert "BILLING_CURRENCY is 'x'" in capsys.readouterr().out


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mai-usage"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("mai-usage 0.")
