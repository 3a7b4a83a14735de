"""``mai-usage explain``, ``validate``, ``self-test``, and the health part of ``doctor``."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext import doctor
from mai_usage_ext.cli import main
from mai_usage_ext.doctor import examine
from mai_usage_ext.simulator.server import SimulatorThread
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.models import (
    AuditLog,
    ClientLiveCounter,
    ClientOrganization,
    JobLease,
)
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_entry, make_hold, make_organization


@pytest.fixture
def db(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("WEBUI_SECRET_KEY", "the secret of the host")
    opened = open_database(sqlite_url, owned=True)
    yield opened
    close_database(opened)


@pytest.fixture
def generation(db: Any) -> str:
    """One call that is booked."""
    writer = LedgerWriter(db, owner="x")
    writer.start()
    hold = make_hold(make_organization(db))
    entry = make_entry(hold)
    writer.place(hold).result(10)
    writer.settle(hold, entry).result(10)
    writer.stop(5)
    return entry.generation_id


Said = pytest.CaptureFixture[str]


def test_explain_in_words_and_as_the_route_says_it(generation: str, capsys: Said) -> None:
    assert main(["explain", generation]) == 0
    told = capsys.readouterr().out
    assert "0.000326960001 USD × 1.3 + 0 USD fee = 0.000425048001 USD" in told
    assert main(["explain", generation, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["entries"][0]["billed"] == "0.000425048001"
    assert found["sentences"][0] in told


@pytest.mark.usefixtures("db")
def test_explain_of_an_unknown_id(capsys: Said) -> None:
    assert main(["explain", "gen-nobody"]) == 2
    assert "went unmetered" in capsys.readouterr().err


def test_explain_wants_an_id(capsys: Said) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["explain"])
    assert "id" in capsys.readouterr().err


def test_validate_says_what_differs(db: Any, generation: str, capsys: Said) -> None:
    assert generation
    assert main(["validate"]) == 0
    assert "1 organizations and 1 days were added up anew; 0 differences" in capsys.readouterr().out
    with transaction(db):
        write(db, ClientLiveCounter.update(requests=9))
    assert main(["validate"]) == 1
    assert "stored {'requests': 9}, the ledger has {'requests': 1}" in capsys.readouterr().out
    assert main(["validate", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["day_differences"][0]["recomputed"] == {"requests": 1}


def test_a_real_self_test_says_its_price_first(
    db: Any, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    assert db
    with SimulatorThread() as simulator:
        monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        asked = ["self-test", "--target", "openrouter"]
        assert main(asked) == 2
        assert "add --yes" in capsys.readouterr().err
        assert main([*asked, "--yes"]) == 2
        assert "OPENAI_API_KEY is ''" in capsys.readouterr().err
        assert main([*asked, "--model", "nobody/nothing"]) == 2
        assert "model is 'nobody/nothing'" in capsys.readouterr().err
        assert simulator.bill.total_cost() == 0
        monkeypatch.setenv("MY_KEY", simulator.inference_key)
        assert main([*asked, "--yes", "--key-from", "MY_KEY"]) == 0
        assert "month:" in capsys.readouterr().out
        assert simulator.bill.total_cost() > 0
        monkeypatch.setenv("MY_KEY", "sk-or-v1-" + "7" * 64)
        assert main([*asked, "--yes", "--key-from", "MY_KEY"]) == 1
        assert "FAILED" in capsys.readouterr().out
        [spent, refused] = audited(db)
        assert spent["generation"] in {one.generation_id for one in simulator.bill.records}
        assert Decimal(spent["cost"]) == simulator.bill.total_cost()
        assert refused == {"generation": None, "cost": None}


def audited(db: Any) -> list[Any]:
    """What the trail holds of self-tests, oldest first."""
    wanted = AuditLog.select().where(AuditLog.action == "self_test.run").order_by(AuditLog.seq)
    with session(db):
        return [json.loads(row.after) for row in wanted.bind(db)]


def test_an_unknown_target_is_refused(capsys: Said) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["self-test", "--target", "moon"])
    assert "moon" in capsys.readouterr().err


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A host that has everything: what is found of it is another test's affair."""
    monkeypatch.setattr(doctor, "_seams", lambda _environ: [])
    monkeypatch.setattr(doctor, "host_version", lambda: "0.12.4")
    return {"WEBUI_SECRET_KEY": "the secret of the host"}


def test_the_doctor_shows_the_health_checks(
    db: Any, sqlite_url: str, host: Mapping[str, str], capsys: Said
) -> None:
    environ = {**host, "MAI_USAGE_DATABASE_URL": sqlite_url}
    assert examine(environ) == 0
    told = capsys.readouterr().out
    assert "ok       database: the database answered in" in told
    assert "ok       sealing: every day that is over is sealed" in told
    assert "\x1b" not in told, "colours are for terminals"
    make_organization(db)
    with transaction(db):
        trouble = {"openrouter_key_state": "lost", "openrouter_key_problem": "OpenRouter said 404"}
        write(db, ClientOrganization.update(openrouter_key_hash="abc", **trouble))
        query = JobLease.insert(name="sealing", owner="x", until_ms=0, begun_ms=0, problem="odd")
        write(db, query)
    assert examine(environ) == 1
    told = capsys.readouterr().out
    assert "DEGRADED job sealing: it fails: odd" in told
    assert "OpenRouter said 404\n         GET keys names each key" in told
    assert "2 wrong; see the lines above" in told
    assert examine(environ, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert sum(one["status"] == "degraded" for one in found) == 2


def test_the_doctor_has_colours_on_a_terminal_unless_told_otherwise(
    db: Any,
    sqlite_url: str,
    host: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
) -> None:
    assert db
    environ = {**host, "MAI_USAGE_DATABASE_URL": sqlite_url}
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    examine(environ)
    assert "\x1b[32mfound   \x1b[0m settings" in capsys.readouterr().out
    examine({**environ, "NO_COLOR": "1"})
    assert "\x1b" not in capsys.readouterr().out


def test_the_doctor_names_what_is_wrong_with_a_language(
    db: Any, sqlite_url: str, tmp_path: Path, host: Mapping[str, str], capsys: Said
) -> None:
    assert db
    folder = tmp_path / "languages"
    environ = {
        **host,
        "MAI_USAGE_DATABASE_URL": sqlite_url,
        "MAI_USAGE_LOCALES_DIR": str(folder),
    }
    assert examine(environ) == 1
    assert f"{folder} is no folder that can be read" in capsys.readouterr().out
    folder.mkdir()
    (folder / "de.json").write_text('{"loader.tab": "Verbrauch"}')
    assert examine(environ) == 0
    assert "found    languages dropped in: de\n" in capsys.readouterr().out
    (folder / "fr.json").write_text('{\n"loader.tab" "Usage"}')
    assert examine(environ) == 1
    told = capsys.readouterr().out
    assert "MISSING  languages dropped in: de, fr" in told
    assert "fr.json: it is no JSON at line 2, column 14" in told


def test_the_doctor_and_a_database_that_cannot_be_opened(
    tmp_path: Path, host: Mapping[str, str], capsys: Said
) -> None:
    environ = {**host, "MAI_USAGE_DATABASE_URL": f"sqlite:///{tmp_path}/no/such/folder/usage.db"}
    assert examine(environ) == 2
    told = capsys.readouterr().out
    assert "DOWN     the database does not answer: unable to open" in told
    assert "check MAI_USAGE_DATABASE_URL" in told
