"""The command line of the soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.plan import Plan, plan_of


def test_without_arguments_it_is_a_hundred_thousand_calls_on_postgresql() -> None:
    assert plan_of([]) == Plan(calls=100_000, minutes=None, database="postgresql")


def test_arguments() -> None:
    given = ["--calls", "500", "--minutes", "2.5", "--seed", "7", "--database", "sqlite"]
    assert plan_of(given) == Plan(calls=500, minutes=2.5, seed=7, database="sqlite")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--calls", "0", "a whole number from 1"),
        ("--calls", "many", "a whole number from 1"),
        ("--minutes", "-1", "a number of minutes above 0"),
        ("--minutes", "nan", "a number of minutes above 0"),
        ("--seed", "1.5", "a whole number from 0"),
        ("--workers", "1", "a whole number from 2"),
        ("--database", "mysql", "postgresql"),
    ],
)
def test_a_bad_argument_is_named(
    option: str, value: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        plan_of([option, value])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument {option}: " in said
    assert expected in said


def test_a_folder_for_logs_that_cannot_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        plan_of(["--logs", str(tmp_path / "file" / "below")])
    assert "argument --logs: " in capsys.readouterr().err
