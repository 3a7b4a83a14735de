"""``mai-usage statements``."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mai_usage_ext.bootstrap import open_workbench
from mai_usage_ext.cli import main
from mai_usage_ext.ports import SYSTEM
from mai_usage_ext.settings import Settings

MONTH = "2026-01"


@pytest.fixture
def acme(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organization's id; there is nobody else but the default one."""
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", sqlite_url)
    bench = open_workbench(Settings.from_env({"MAI_USAGE_DATABASE_URL": sqlite_url}))
    made = bench.organizations.create({"name": "Acme", "slug": "acme"}, actor=SYSTEM)
    bench.close()
    return made.id


@pytest.mark.usefixtures("acme")
def test_drafts_closing_and_printing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statements"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["statements", "--month", MONTH]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "draft  2026-01  Acme  0 USD  0.00 USD",
        "draft  2026-01  Default  0 USD  0.00 USD",
    ]
    folder = str(tmp_path)
    year = datetime.now(UTC).year
    assert main(["statements", "--month", MONTH, "--client", "acme", "--close"]) == 0
    assert main(["statements", "--month", MONTH, "--client", "acme", "--pdf", folder]) == 0
    line = f"S{year}-0001  2026-01  Acme  0 USD  0.00 USD"
    assert capsys.readouterr().out.splitlines() == [line, line]
    pdf = tmp_path / f"S{year}-0001.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert main(["statements", "--month", MONTH, "--close"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_what_cannot_be_closed_is_told(acme: str, capsys: pytest.CaptureFixture[str]) -> None:
    this_month = f"{datetime.now(UTC):%Y-%m}"
    assert main(["statements", "--month", this_month, "--client", acme, "--close"]) == 1
    said = capsys.readouterr()
    assert "Acme" in said.err
    assert "is not over in UTC" in said.err
    assert said.out.startswith("draft")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--close"], "--close needs a --month"),
        (["--month", "2026-13"], "--month is '2026-13'"),
        (["--month", "2999-01", "--client", "acme"], "--month is '2999-01'"),
        (["--client", "nobody"], "'nobody'"),
        (["--month", MONTH, "--pdf", "/nowhere/at/all"], "--pdf is '/nowhere/at/all'"),
    ],
)
def test_wrong_options(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statements", *options]) == 2
    assert words in capsys.readouterr().err
