"""The operator's guide: its commands run as they stand there, and it names every setting."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mai_usage_ext.settings import SETTINGS

GUIDE = (Path(__file__).parents[1] / "docs" / "operators.md").read_text("utf-8")


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """A data folder whose tables are migrated already, and a place for backups."""
    for name in ("data", "backup"):
        (tmp_path / name).mkdir()
    variables = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DATA": str(tmp_path / "data"),
        "BACKUP": str(tmp_path / "backup"),
        "MAI_USAGE_DATABASE_URL": f"sqlite:///{tmp_path}/data/mai_usage.db",
        "WEBUI_SECRET_KEY": "the secret of the host",
        # Nobody is there: a check that asks is told so at once.
        "OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1",
    }
    done = run("mai-usage migrate up", variables)
    assert done.returncode == 0, done.stderr
    return variables


def blocks(heading: str) -> list[str]:
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, f"no commands below {heading}"
    return found


def run(script: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-eu", "-c", script],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_upgrade(machine: dict[str, str]) -> None:
    [script] = blocks("Upgrade")
    done = run(script, machine)
    assert done.returncode == 0, done.stderr


def test_a_backup_brings_back_what_was_lost(machine: dict[str, str]) -> None:
    backup, restore = blocks("Back up and restore")
    add = "INSERT INTO usage_settings VALUES ('rate_limit', '7', 1, 'somebody')"
    look = "SELECT value FROM usage_settings WHERE name = 'rate_limit'"
    path = f"{machine['DATA']}/mai_usage.db"
    with closing(sqlite3.connect(path)) as database:
        # The host goes on, with what is not in the file itself yet.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(add)
        database.commit()
        done = run(backup, machine)
        assert done.returncode == 0, done.stderr
        database.execute("DELETE FROM usage_settings")
        database.commit()
    done = run(restore, machine)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(path)) as database:
        assert database.execute(look).fetchall() == [("7",)]


def test_what_to_ask_at_night(machine: dict[str, str]) -> None:
    """Without an OpenRouter it is not well, and says so; what it adds up agrees."""
    [script] = blocks("At night")
    doctor, validate = script.split("\n", 1)
    said = run(doctor, machine)
    assert said.returncode in (0, 1), said.stderr
    assert "database" in said.stdout
    done = run(validate, machine)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_is_named_once() -> None:
    section = GUIDE.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    named = re.findall(r"`([A-Z_]+)`", "\n".join(rows))
    assert sorted(named) == sorted(setting.name for setting in SETTINGS)
