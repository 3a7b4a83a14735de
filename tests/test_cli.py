"""The command line: what each command prints, and what a wrong input is told."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mai_usage_ext import cli
from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.cli import main, stoppable
from mai_usage_ext.doctor import examine
from mai_usage_ext.maintenance import reseal_secrets
from mai_usage_ext.ports import SYSTEM
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator.server import SimulatorThread
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import scripts_of
from mai_usage_ext.storage.models import AuditLog, UsageSetting
from mai_usage_ext.storage.reconciliation_models import KeyCounter, ReconciliationRun
from mai_usage_ext.storage.sessions import session, transaction, write
from tests.workshop.hosts import NEWEST

OLD_RING, NEW_RING = "an-old-encryption-key", "a-new-encryption-key"
SECRET = "sk-or-v1-" + "5" * 64


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "usage.db"
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", f"sqlite:///{file}")
    return file


def test_migrating_there_and_back(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "status"]) == 0
    assert "waits to be applied" in capsys.readouterr().out
    assert main(["migrate", "up"]) == 0
    assert "applied: 1, 2" in capsys.readouterr().out
    assert main(["migrate", "up"]) == 0
    assert "all is up to date" in capsys.readouterr().out
    assert main(["migrate", "status"]) == 0
    assert "0001  initial" in (shown := capsys.readouterr().out)
    assert "waits" not in shown
    assert main(["migrate", "down", "--to", "0"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert main(["migrate", "down", "--to", "0", "--yes"]) == 0
    assert ", 2, 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [["migrate", "status"], ["migrate", "up"], ["serve"], ["rotate-keys"], ["audit", "verify"],
     ["import-legacy", "--dry-run"]],
)  # fmt: skip
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


@pytest.fixture
def bench(database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """The database with a sealed management key in it."""
    monkeypatch.setenv("MAI_USAGE_ENCRYPTION_KEYS", OLD_RING)
    opened = open_workbench(Settings.from_env(os.environ))
    opened.live_settings.change({"openrouter_provisioning_key": SECRET}, actor=SYSTEM)
    yield opened
    opened.close()


def sealed_text(bench: Workbench) -> str:
    with session(bench.database):
        row = UsageSetting.select().bind(bench.database).get()
    return str(row.value)


def test_secrets_are_sealed_anew(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sealed_text(bench)
    assert main(["rotate-keys"]) == 0
    assert "sealed anew: 0; sealed with the newest key before: 1" in capsys.readouterr().out
    monkeypatch.setenv("MAI_USAGE_ENCRYPTION_KEYS", f"{NEW_RING},{OLD_RING}")
    assert main(["rotate-keys"]) == 0
    said = capsys.readouterr().out
    assert "1 of 1 secrets seen" in said
    assert "sealed anew: 1" in said
    assert sealed_text(bench) != before
    assert SECRET not in sealed_text(bench)
    monkeypatch.setenv("MAI_USAGE_ENCRYPTION_KEYS", NEW_RING)
    again = open_workbench(Settings.from_env(os.environ))
    assert again.live_settings.current.provisioning_key == SECRET
    again.close()


def test_a_secret_that_no_key_opens_is_named(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sealed_text(bench)
    monkeypatch.setenv("MAI_USAGE_ENCRYPTION_KEYS", NEW_RING)
    assert main(["rotate-keys"]) == 1
    said = capsys.readouterr()
    assert "usage_settings/openrouter_provisioning_key: no key of the ring opens it" in said.err
    assert SECRET not in said.out + said.err
    assert sealed_text(bench) == before
    monkeypatch.delenv("MAI_USAGE_ENCRYPTION_KEYS")
    assert main(["rotate-keys"]) == 2
    assert "MAI_USAGE_ENCRYPTION_KEYS" in capsys.readouterr().err


def test_interrupting_leaves_every_secret_whole(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sealed_text(bench)
    monkeypatch.setenv("MAI_USAGE_ENCRYPTION_KEYS", f"{NEW_RING},{OLD_RING}")
    with stoppable() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert should_stop()
        state = reseal_secrets(os.environ, progress=print, should_stop=should_stop)
    assert (state.was_interrupted, state.done) == (True, 0)
    assert sealed_text(bench) == before


def test_the_audit_trail_is_verified(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.organizations.create({"name": "Acme"}, actor=SYSTEM)
    assert main(["audit", "verify"]) == 0
    assert "2 rows of the trail fit; its end is 2 " in capsys.readouterr().out
    with transaction(bench.database):
        write(bench.database, AuditLog.update(actor_id="nobody").where(AuditLog.seq == 2))
    assert main(["audit", "verify"]) == 1
    said = capsys.readouterr()
    assert "1 rows of the trail fit" in said.out
    assert "row 2:" in said.err


def test_commands_on_tables_that_are_not_there_yet(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["audit", "verify"], ["rotate-keys"], ["import-legacy", "--yes"]):
        assert main(command) == 2
        assert "lacks the migrations initial, administration" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        [], ["nonsense"], ["serve", "--port", "70000"], ["serve", "--workers", "0"],
        ["migrate"], ["migrate", "down"], ["migrate", "up", "--to", "x"],
        ["simulate", "--port", "x"], ["audit"], ["audit", "repair"], ["rotate-keys", "now"],
        ["import-legacy", "now"], ["import-legacy", "--report"],
        ["reconcile"], ["reconcile", "--from", "2026-01-01"],
        ["reconcile", "--from", "today", "--to", "2026-01-01"],
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
    environ["WEBUI_SECRET_KEY"] = "the secret of the host"
    assert examine(environ) == 0
    said = capsys.readouterr().out
    assert "MISSING" not in said
    assert "secrets: sealed with a key derived from WEBUI_SECRET_KEY" in said
    assert "people: open_webui.models.users.Users" in said
    assert "outgoing calls: aiohttp.ClientSession._request" in said
    assert f"{len(scripts_of('mai_usage_ext.migrations'))} migrations to apply" in said
    assert not (tmp_path / "data").exists(), "nothing permanent"
    ring = {"BILLING_CURRENCY": "x", "MAI_USAGE_ENCRYPTION_KEYS": f"{NEW_RING},{OLD_RING}"}
    assert examine({**environ, **ring}) == 1
    said = capsys.readouterr().out
    assert "BILLING_CURRENCY is 'x'" in said
    assert "secrets: a ring of 2 encryption keys" in said
    assert OLD_RING not in said


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mai-usage"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("mai-usage 0.")


def test_reconciling_days(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    today = datetime.now(UTC).date()
    two_days = ["reconcile", "--from", str(today - timedelta(days=3)), "--to"]
    assert main([*two_days, str(today - timedelta(days=2))]) == 2
    assert "mai-usage migrate up" in capsys.readouterr().err
    assert main(["migrate", "up"]) == 0
    assert main([*two_days, str(today - timedelta(days=4))]) == 2
    assert "a day not before --from" in capsys.readouterr().err
    assert main([*two_days, str(today - timedelta(days=2))]) == 2
    assert "OPENROUTER_PROVISIONING_KEY is not set" in capsys.readouterr().err
    with SimulatorThread() as simulator:
        monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.url)
        monkeypatch.setenv("OPENROUTER_PROVISIONING_KEY", simulator.management_key)
        assert main([*two_days, str(today - timedelta(days=2))]) == 2
        assert "a completed UTC day" in capsys.readouterr().err, "keys are noted since today"
        db = open_database(f"sqlite:///{database}")
        with transaction(db):
            write(db, ReconciliationRun.update(day=today - timedelta(days=9)))
            for key_hash in ("a", "b"):
                row = KeyCounter.insert(
                    key_hash=key_hash, organization_id="acme", label="", usage_pusd=0, at_ms=0
                )
                write(db, row)
        close_database(db)
        monkeypatch.setattr(cli, "_KEYS_A_LINE", 1)
        assert main([*two_days, str(today - timedelta(days=2))]) == 0
    shown, told = capsys.readouterr()
    for day in (today - timedelta(days=3), today - timedelta(days=2)):
        assert f"{day}: 0 of 2 keys\n{day}: 1 of 2 keys\n" in told
    assert f"1 of 2 days: {today - timedelta(days=3)}: 0 keys" in shown
    assert f"2 of 2 days: {today - timedelta(days=2)}: 0 keys" in shown
