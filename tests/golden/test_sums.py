"""The script that judges, on a bill that can be added up by hand."""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.golden.sums import YearSums

ACME, ZETA = "acme", "zeta"


def call(number: int, at: str, spend: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of the bill and what is known of it; ``changes`` go wherever they belong."""
    bill = {
        "generation_id": f"gen-{number}",
        "key_hash": "of acme",
        "user": "u1",
        "model_asked": "openai/gpt",
        "model_answered": "openai/gpt",
        "provider": "OpenAI",
        "tokens": {"prompt": 10, "completion": 5, "cached": 2, "reasoning": 1},
        "spend": spend,
        "cancelled": False,
        "failed": None,
        "created_at": at,
    }
    known = {
        "generation_id": f"gen-{number}",
        "purpose": "chat",
        "found": "at_once",
        "first_byte_ms": 100,
        "duration_ms": 1_000,
        "told_at": at,
    }
    for row in (bill, known):
        row.update({name: value for name, value in changes.items() if name in row})
    return bill, known


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rates of 1.5 for everything and 2 for one maker's models, and 3 from February on."""
    calls = [
        # Ties go to the even one: 1.5 to 2, 4.5 to 4.
        call(1, "2024-01-01T10:59:59.999Z", "0.000000000001"),
        call(2, "2024-01-01T11:00:00.000Z", "0.000000000003", cancelled=True, purpose="title"),
        call(3, "2024-01-20T00:00:00.000Z", "1.25", model_asked="claude/x", failed=502),
        call(4, "2024-01-31T11:00:00.000Z", "1", user="u2"),
        # An hour that New Zealand had twice, before and after.
        call(5, "2024-04-06T13:30:00.000Z", "0.1"),
        call(6, "2024-04-06T14:30:00.000Z", "0.1"),
        call(7, "2024-04-07T11:59:59.999Z", "0.1"),
        call(8, "2024-01-01T23:00:00.000Z", "0.2", key_hash="of zeta", found="reconciled"),
        call(9, "2024-01-01T23:00:00.000Z", "0.3", key_hash="of zeta", found="foreign", user=None),
    ]
    organizations = [
        {"id": ACME, "key_hash": "of acme", "time_zone": "Pacific/Auckland", "currency": "NZD"},
        {"id": ZETA, "key_hash": "of zeta", "time_zone": "Europe/Warsaw", "currency": "PLN"},
    ]
    people = [{"called": "u1", "user": "ada"}, {"called": "u2", "user": "deleted-1"}]
    prices = [
        price(ACME, "1.5", "2023-01-01T00:00:00Z"),
        price(ACME, "2", "2023-06-01T00:00:00Z", model_pattern="claude/*"),
        price(ACME, "3", "2024-01-31T11:00:00Z", fee="0.01"),
        price(ZETA, "1", "2023-01-01T00:00:00Z", fee="0.5"),
        price(ZETA, "2", "2024-01-01T12:00:00Z"),
    ]
    bill, known = zip(*calls, strict=True)
    tables = {"bill": bill, "calls": known, "organizations": organizations}
    for name, rows in (tables | {"people": people, "prices": prices}).items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, "utf-8")
    return tmp_path


def price(organization: str, rate: str, since: str, **changes: Any) -> dict[str, Any]:
    row = {"organization": organization, "model_pattern": None, "since": since, "fee": "0"}
    return {**row, "rate": rate, **changes}


@pytest.fixture
def sums(folder: Path) -> Iterator[YearSums]:
    opened = YearSums(folder)
    yield opened
    opened.close()


def test_days_and_prices(sums: YearSums) -> None:
    """Days of Auckland begin at 11:00 UTC in its summer, at 12:00 in its winter."""
    found = sums.by(("day",), f"organization = '{ACME}'")
    assert {key[0]: (one.requests, one.billed) for key, one in found.items()} == {
        "2024-01-01": (1, Decimal("0.000000000002")),
        "2024-01-02": (1, Decimal("0.000000000004")),
        "2024-01-20": (1, Decimal("2.5")),
        "2024-02-01": (1, Decimal("3.01")),
        "2024-04-07": (3, Decimal("0.93")),
    }


def test_weeks_and_months(sums: YearSums) -> None:
    assert {key[0]: one.requests for key, one in sums.by(("month",)).items()} == {
        "2024-01": 5,
        "2024-02": 1,
        "2024-04": 3,
    }
    assert ("2024-W05",) in sums.by(("week",))


def test_what_was_found_by_reconciling(sums: YearSums) -> None:
    """The one keeps its caller, its day and its price; the other has those of its UTC day."""
    dimensions = ("day", "user", "provider", "purpose")
    found = sums.by(dimensions, f"organization = '{ZETA}'")
    assert {
        key: (one.billed, one.cached_tokens, one.first_byte_count) for key, one in found.items()
    } == {
        ("2024-01-02", "ada", "", "reconciliation"): (Decimal("0.4"), 0, 0),
        ("2024-01-01", "", "", "reconciliation"): (Decimal("0.8"), 0, 0),
    }


def test_all_of_it(sums: YearSums) -> None:
    [(key, total)] = sums.by(()).items()
    assert key == ()
    assert total == (
        9, 1, 1, 90, 45, 14, 9,
        Decimal("3.050000000004"), Decimal("7.640000000006"),
        700, 7, 7_000, 1, Decimal("0.000000000004"),
    )  # fmt: skip
    assert set(sums.by(("user",))) == {("ada",), ("deleted-1",), ("",)}


def test_an_unknown_grouping(sums: YearSums) -> None:
    with pytest.raises(ValueError, match="weather: expected some of"):
        sums.by(("day", "weather"))


def test_it_is_a_program(folder: Path) -> None:
    """It runs without this project: as a file, with nothing of it in its path."""
    script = Path(__file__).with_name("sums.py").read_text("utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(folder), "organization"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    head, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert head[:2] == ["organization", "requests"]
    assert [row[:2] for row in rows] == [[ACME, "7"], [ZETA, "2"]]
