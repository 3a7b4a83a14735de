"""``mai-usage import-legacy`` from outside: what it finds, prints, writes and answers."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from mai_usage_ext import maintenance
from mai_usage_ext.cli import main
from tests.services.legacy_rig import ACME, KEY, MANAGEMENT_KEY, RING, make_prototype
from tests.workshop.hosts import NEWEST


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our own migrated file, and a host whose SQLite file is ``webui.db``."""
    for name, value in NEWEST.slim_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/webui.db")
    monkeypatch.setenv("MAI_USAGE_ENCRYPTION_KEYS", RING)
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", f"sqlite:///{tmp_path}/usage.db")
    assert main(["migrate", "up"]) == 0
    return tmp_path


@pytest.fixture
def host(folder: Path) -> str:
    url = f"sqlite:///{folder}/webui.db"
    make_prototype(url)
    return url


def imported(folder: Path) -> Mapping[str, int]:
    """Requests of each imported day of Acme."""
    with sqlite3.connect(folder / "usage.db") as db:
        query = "SELECT day, requests FROM client_daily_usage WHERE organization_id = ?"
        found = dict(db.execute(query, (ACME,)).fetchall())
    db.close()
    return found


def test_from_the_hosts_file_into_ours(
    folder: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "webui.db").read_bytes()
    capsys.readouterr()
    assert main(["import-legacy", "--dry-run"]) == 0
    rehearsed = capsys.readouterr().out
    assert "nothing was written" in rehearsed
    assert imported(folder) == {}
    file = folder / "rows.jsonl"
    assert main(["import-legacy", "--yes", "--report", str(file)]) == 0
    said = capsys.readouterr().out
    assert rehearsed.startswith(said)
    assert "1 of 2 organizations: Acme" in said
    assert "client_organizations: 2 imported" in said
    total = "6 requests, 57 tokens, 0.47 USD raw, 0.611 USD billed, the same here as there"
    assert f"{ACME} client_daily_usage: {total}" in said
    assert imported(folder) == {"2025-07-01": 3, "2025-07-02": 2, "2025-07-03": 1}
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert {row["result"] for row in rows} == {"imported", "skipped"}
    assert (folder / "webui.db").read_bytes() == before
    for secret in (KEY, MANAGEMENT_KEY):
        assert secret not in said + rehearsed + file.read_text("utf-8")
        assert secret.encode() not in (folder / "usage.db").read_bytes()
    assert main(["import-legacy", "--yes"]) == 0
    assert "client_organizations: 2 unchanged" in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0


def test_what_did_not_come_over_is_the_exit_status(
    folder: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(folder / "webui.db") as db:
        db.execute("UPDATE client_daily_usage SET raw_cost = -1 WHERE id = 'f3b9d0c2'")
    db.close()
    assert main(["import-legacy", "--yes"]) == 1
    said = capsys.readouterr().out
    assert "client_daily_usage f3b9d0c2: broken: raw_cost is -1.0" in said
    assert imported(folder) == {"2025-07-02": 2, "2025-07-03": 1}


def test_it_wants_to_be_told_which(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags in ([], ["--dry-run", "--yes"]):
        assert main(["import-legacy", *flags]) == 2
        assert "--dry-run to see what would come over, or --yes" in capsys.readouterr().err


def test_where_there_is_no_prototype(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sqlite3.connect(folder / "webui.db").executescript("CREATE TABLE user (id TEXT)").close()
    assert main(["import-legacy", "--yes"]) == 2
    assert "there are no tables of mAI's prototype" in capsys.readouterr().err


def test_a_hosts_file_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "webui.db").write_text("Dear Sir or Madam, " * 100)
    assert main(["import-legacy", "--yes"]) == 2
    assert "webui.db (DATABASE_URL) cannot be read" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_stops_it_before_anything_is(
    folder: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (folder, folder / "nowhere" / "rows.jsonl"):
        assert main(["import-legacy", "--yes", "--report", str(path)]) == 2
        assert f"--report is '{path}'" in capsys.readouterr().err
    assert imported(folder) == {}


def test_while_the_prototype_is_in_the_host(
    folder: Path, host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(maintenance, "prototype_in_host", lambda: True)
    assert main(["import-legacy", "--yes"]) == 2
    assert "still carries its own metering" in capsys.readouterr().err
    assert imported(folder) == {}


def test_without_a_key_to_seal_with(
    folder: Path, host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MAI_USAGE_ENCRYPTION_KEYS")
    monkeypatch.delenv("WEBUI_SECRET_KEY", raising=False)
    assert main(["import-legacy", "--yes"]) == 1
    said = capsys.readouterr().out
    assert f"client_organizations {ACME}: partly: without openrouter_api_key: MAI_USAGE" in said
    assert len(imported(folder)) == 3
    assert KEY.encode() not in (folder / "usage.db").read_bytes()
