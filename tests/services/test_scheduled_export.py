"""The reports of a month in a folder: once, whole, and as soon as every day is sealed."""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext.errors import BadInput, ConfigurationError, StorageUnavailable
from mai_usage_ext.ports import LiveDay
from mai_usage_ext.services.exports import ExportRequest
from mai_usage_ext.services.scheduled_export import MANIFEST, ScheduledExport


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@dataclass
class World:
    """Stands for the clock, the days that are open, the ledger and the exports."""

    at: str = "2026-03-01T13:00"
    first: date | None = date(2026, 1, 20)
    live: list[LiveDay] = field(default_factory=list)
    failure: Exception | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def now_ms(self) -> int:
        return ms(self.at)

    def oldest_live_days(self) -> list[LiveDay]:
        return self.live

    def first_day(self) -> date | None:
        return self.first

    def open(self, wanted: ExportRequest) -> Any:
        @dataclass
        class Opened:
            chunks: Any

        assert wanted.is_admin
        self.asked.append(
            (f"{wanted.days.since} {wanted.days.until}", str(wanted.report), wanted.format)
        )
        if wanted.report == "ledger":
            raise BadInput("from", got="2026-01-01", expected="2026-02-01 or later")
        return Opened(self._chunks(f"{wanted.report} of {wanted.days.since}"))

    def _chunks(self, text: str) -> Any:
        yield text.encode()
        if self.failure is not None:
            raise self.failure
        yield b"!"


def run(world: World, folder: Path, **options: Any) -> int:
    wanted = {"reports": ("daily", "focus"), "formats": ("csv",), "grace_ms": 1_800_000, **options}
    job = ScheduledExport(world, world, world, folder=folder, clock=world, **wanted)  # type: ignore[arg-type]
    return asyncio.run(job.run_once())


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_months_that_are_over_are_written_once_with_their_sums(tmp_path: Path) -> None:
    world, folder = World(), tmp_path / "made" / "exports"
    assert run(world, folder) == 2
    assert names(folder) == [
        "2026-01", "2026-01/daily.csv", "2026-01/focus.csv", "2026-01/manifest.json",
        "2026-02", "2026-02/daily.csv", "2026-02/focus.csv", "2026-02/manifest.json",
    ]  # fmt: skip
    assert world.asked[0] == ("2026-01-01 2026-01-31", "daily", "csv")
    manifest = json.loads((folder / "2026-02" / MANIFEST).read_text())
    assert (manifest["month"], manifest["written_at"]) == ("2026-02", "2026-03-01T13:00:00Z")
    for file in manifest["files"]:
        data = (folder / "2026-02" / file["name"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["bytes"] == len(data)
    assert run(world, folder) == 0
    assert len(world.asked) == 4


@pytest.mark.parametrize(
    ("at", "months"),
    [
        # It is February until noon of UTC somewhere, and half an hour of grace comes on top.
        ("2026-03-01T12:29", 1),
        ("2026-03-01T12:30", 2),
        ("2026-02-01T12:29", 0),
        ("2026-01-25T00:00", 0),
        ("2027-01-01T12:30", 12),
    ],
)
def test_a_month_is_over_once_it_is_over_everywhere(tmp_path: Path, at: str, months: int) -> None:
    assert run(World(at=at), tmp_path) == months


def test_one_day_that_is_not_sealed_holds_its_month_back(tmp_path: Path) -> None:
    world = World(live=[LiveDay(organization_id="one", day=date(2026, 2, 28), time_zone="UTC")])
    assert run(world, tmp_path) == 1
    world.live = [LiveDay(organization_id="one", day=date(2026, 3, 1), time_zone="UTC")]
    assert run(world, tmp_path) == 1


def test_where_nothing_was_used_nothing_is_made(tmp_path: Path) -> None:
    assert run(World(first=None), tmp_path / "exports") == 0
    assert names(tmp_path) == []


def test_reports_that_are_not_kept_so_long_are_named(tmp_path: Path) -> None:
    assert run(World(at="2026-02-10T00:00"), tmp_path, reports=("daily", "ledger")) == 1
    manifest = json.loads((tmp_path / "2026-01" / MANIFEST).read_text())
    assert [file["name"] for file in manifest["files"]] == ["daily.csv"]
    [left_out] = manifest["left_out"]
    assert left_out["report"] == "ledger"
    assert "2026-02-01 or later" in left_out["reason"]


def test_a_failure_leaves_nothing_and_the_next_run_goes_on(tmp_path: Path) -> None:
    world = World(failure=StorageUnavailable("restarting"))
    with pytest.raises(StorageUnavailable):
        run(world, tmp_path)
    assert names(tmp_path) == []
    world.failure = None
    assert run(world, tmp_path) == 2


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / ".2026-01.part").mkdir()
    (tmp_path / ".2026-01.part" / "half.csv").write_text("half")
    assert run(World(), tmp_path) == 2
    assert ".2026-01.part" not in names(tmp_path)
    assert "2026-01/half.csv" not in names(tmp_path)


def test_a_folder_that_cannot_be_written_is_named_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.write_text("a file")
    with pytest.raises(ConfigurationError, match=r"MAI_USAGE_EXPORT_FOLDER.*can be written"):
        run(World(), folder)
    folder.unlink()
    assert run(World(), folder) == 2


def test_a_folder_of_that_name_that_somebody_else_made_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "2026-01").mkdir()
    (tmp_path / "2026-01" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="MAI_USAGE_EXPORT_FOLDER"):
        run(World(), tmp_path)
    assert names(tmp_path) == ["2026-01", "2026-01/mine.txt"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    world = World(failure=OSError(28, "No space left on device"))
    with pytest.raises(ConfigurationError, match="No space left"):
        run(world, tmp_path)
    assert names(tmp_path) == []
