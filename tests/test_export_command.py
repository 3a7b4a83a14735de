"""``mai-usage export``: a whole file or none, and what a wrong input is told."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mai_usage_ext import export_command
from mai_usage_ext.cli import main
from mai_usage_ext.export_command import ProgressBar
from mai_usage_ext.ports.tables import Table
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_entry, make_hold, make_organization

JANUARY = ["--from", "2026-01-01", "--to", "2026-01-31"]


@pytest.fixture
def books(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an organization with three calls; the command runs beside them."""
    db = open_database(sqlite_url, owned=True)
    organization = make_organization(db, "Acme")
    make_organization(db, "Other")
    writer = LedgerWriter(db, owner="books")
    writer.start()
    for number in range(3):
        hold = make_hold(organization, user_id=f"user-{number}")
        writer.place(hold).result(10)
        writer.settle(hold, make_entry(hold)).result(10)
    writer.stop(5)
    close_database(db)
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", sqlite_url)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return organization


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_it_writes_a_file_with_a_name_that_says_what_it_is(
    books: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *JANUARY, "--report", "by-user", "--client", "acme"]) == 0
    assert files() == ["acme_by-user_2026-01-01_2026-01-31.csv"]
    said = capsys.readouterr()
    assert "acme_by-user_2026-01-01_2026-01-31.csv: 3 rows" in said.out
    # Nobody looks, so nothing is drawn.
    assert said.err == ""
    with Path(files()[0]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["user_name"] for row in rows] == ["user-0", "user-1", "user-2"]


def test_where_and_how_one_likes_it(books: str) -> None:
    Path("report.xlsx").write_text("what was there before")
    wanted = ["--report", "ledger", "--format", "xlsx", "--output", "report.xlsx"]
    assert main(["export", *JANUARY, *wanted, "--client", books]) == 0
    assert files() == ["report.xlsx"]
    assert openpyxl.load_workbook("report.xlsx").active.max_row == 4


def test_to_the_standard_output(books: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    wanted = ["--group-by", "day,model", "--delimiter", "semicolon", "--output", "-"]
    assert main(["export", *JANUARY, *wanted]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert out.startswith("client_id;client_name;date;model_name;")
    assert len(out.splitlines()) == 2
    assert files() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "weekly"], "--report is 'weekly'; expected one of daily"),
        (["--format", "pdf"], "--format is 'pdf'; expected one of csv"),
        (["--group-by", "hour"], "--group-by is 'hour'; expected one or two"),
        (["--report", "daily", "--group-by", "day"], "--group-by"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "--to is '2026-01-01'"),
        (["--from", "1900-01-01"], "--from"),
        (["--to", "tomorrow"], "--to is 'tomorrow'; expected a day such as"),
        (["--client", "nobody"], "no organization with the id or slug 'nobody'"),
        (["--format", "json", "--bom"], "--bom"),
        (["--delimiter", "tab"], "--delimiter is 'tab'; expected one of comma"),
        (["--output", "missing/folder/report.csv"], "--output"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    books: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert files() == []


def test_without_pyarrow_it_says_what_to_install(
    books: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", *JANUARY, "--format", "parquet"]) == 2
    assert "mai-usage-ext[parquet]" in capsys.readouterr().err
    assert files() == []


@pytest.mark.parametrize(
    ("failure", "status"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left"), 1)]
)
def test_what_breaks_off_leaves_the_old_file_as_it_was(
    books: str,
    failure: BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Breaking(ProgressBar):
        def watch(self, table: Table) -> Table:
            def rows() -> Iterator[tuple[Any, ...]]:
                yield next(table.rows)
                raise failure

            return super().watch(Table(name=table.name, columns=table.columns, rows=rows()))

    monkeypatch.setattr(export_command, "ProgressBar", Breaking)
    Path("report.csv").write_text("as it was")
    command = ["export", *JANUARY, "--report", "by-user", "--output", "report.csv"]
    assert main(command) == status
    assert files() == ["report.csv"]
    assert Path("report.csv").read_text() == "as it was"
    assert status != 1 or "No space left" in capsys.readouterr().err


def test_a_database_without_tables_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAI_USAGE_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    assert main(["export", "--output", "-"]) == 2
    assert "mai-usage migrate up" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("expected", "drawn"),
    [
        (2_000, "[##############################] 100%  2,000 of 2,000 rows"),
        (8_000, "[########----------------------]  25%  2,000 of 8,000 rows"),
        (1_000, "[##############################] 100%  2,000 of 1,000 rows"),
        (0, "2,000 rows"),
        (None, "2,000 rows"),
    ],
)
def test_the_bar_where_somebody_looks(expected: int | None, drawn: str) -> None:
    terminal = Terminal()
    bar = ProgressBar(terminal)
    table = Table(name="t", columns=(), rows=iter([()] * 2_000), expected_rows=expected)
    assert len(list(bar.watch(table).rows)) == 2_000
    bar.close()
    assert terminal.getvalue().split("\r")[-1] == f"{drawn}\n"
