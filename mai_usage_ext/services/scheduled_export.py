"""Every month's reports in a folder, once all of its days are sealed, for everybody.

The job looks at the folder: a month that is over and has no manifest there is due, whether it is
the last one or months that nobody was there for. A month's files are written into a hidden folder,
which takes the month's name when all of them, and the manifest with their sums, are on the disk.
Nothing is written twice: what is booked late shows in the reports, and on the next statement.
"""

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from mai_usage_ext.errors import BadInput, ConfigurationError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day, month_days, month_of, rfc3339
from mai_usage_ext.ports import Clock, SealStore
from mai_usage_ext.ports.ledger_pages import LedgerPages
from mai_usage_ext.services.exports import ExportRequest, Exports
from mai_usage_ext.services.usage_ranges import RangeText

__all__ = ["MANIFEST", "ScheduledExport"]

MANIFEST = "manifest.json"
_DAY = timedelta(days=1)
# Where a day ends last.
_LATEST_ZONE = "Etc/GMT+12"


class ScheduledExport:
    """``reports`` and ``formats`` are those of ``Exports``. ``clock`` must not run ahead, because a
    month that was written too early is not written again."""

    def __init__(
        self,
        exports: Exports,
        seals: SealStore,
        ledger: LedgerPages,
        *,
        folder: Path,
        reports: Sequence[str],
        formats: Sequence[str],
        grace_ms: int,
        clock: Clock,
    ) -> None:
        self._exports = exports
        self._seals = seals
        self._ledger = ledger
        self._folder = folder
        self._reports = reports
        self._formats = formats
        self._grace_ms = grace_ms
        self._clock = clock

    async def run_once(self) -> int:
        """Write what is due, oldest month first; return how many months.

        Raises ``ConfigurationError`` where the folder or a file cannot be written: what is missing
        is written by a later run. Raises ``StorageUnavailable``.
        """
        return await asyncio.to_thread(self._run)

    def _run(self) -> int:
        written = 0
        try:
            for month in self._due():
                self._write(month)
                written += 1
        except OSError as error:
            raise ConfigurationError.of(
                "MAI_USAGE_EXPORT_FOLDER",
                got=str(self._folder),
                expected=f"a folder that can be written ({error.strerror or error})",
            ) from error
        tally.add("months exported", written)
        return written

    def _due(self) -> list[date]:
        """The first days of months that are complete and not there, oldest first."""
        first, end = self._ledger.first_day(), self._complete_until()
        if first is None:
            return []
        self._folder.mkdir(parents=True, exist_ok=True)
        months = _months(first, end)
        return [one for one in months if not (self._folder / month_of(one) / MANIFEST).is_file()]

    def _complete_until(self) -> date:
        """Before this day everything is over everywhere, and sealed."""
        today = billing_day(self._clock.now_ms() - self._grace_ms, _LATEST_ZONE)
        return min([today, *(live.day for live in self._seals.oldest_live_days())])

    def _write(self, month: date) -> None:
        name = month_of(month)
        part = self._folder / f".{name}.part"
        # What a killed process left behind.
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            files: list[dict[str, Any]] = []
            left_out: list[dict[str, str]] = []
            for report in self._reports:
                for form in self._formats:
                    try:
                        files.append(self._file(part, month, report, form))
                    except BadInput as error:
                        # Of single calls only a window is kept.
                        left_out.append({"report": report, "format": form, "reason": str(error)})
            self._write_manifest(part, name, files, left_out)
            part.rename(self._folder / name)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        _sync_folder(self._folder)

    def _file(self, part: Path, month: date, report: str, form: str) -> dict[str, Any]:
        first, last = month_days(month)
        export = self._exports.open(
            ExportRequest(
                is_admin=True,
                report=report,
                format=form,
                days=RangeText(since=first.isoformat(), until=last.isoformat()),
            )
        )
        path = part / f"{report}.{form}"
        digest, size = _written(path, export.chunks)
        return {"name": path.name, "report": report, "bytes": size, "sha256": digest}

    def _write_manifest(
        self,
        part: Path,
        month: str,
        files: Sequence[dict[str, Any]],
        left_out: Sequence[dict[str, str]],
    ) -> None:
        manifest = {
            "month": month,
            "written_at": rfc3339(self._clock.now_ms(), timespec="seconds"),
            "files": files,
            "left_out": left_out,
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        _written(part / MANIFEST, [text.encode()])


def _months(first: date, end: date) -> list[date]:
    """The first days of the months from that of ``first`` on that end before ``end``."""
    months = []
    month = first.replace(day=1)
    while (last := month_days(month)[1]) < end:
        months.append(month)
        month = last + _DAY
    return months


def _written(path: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
    """SHA-256 in hexadecimal, and bytes, of the file that is on the disk now."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    """A name lasts through a power cut once its folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
