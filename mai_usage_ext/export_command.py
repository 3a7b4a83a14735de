"""``mai-usage export``: a report as a file, with a progress bar where somebody is looking."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from mai_usage_ext.errors import BadInput, ConfigurationError
from mai_usage_ext.maintenance import open_exports
from mai_usage_ext.ports.tables import Table
from mai_usage_ext.services.exports import REPORTS, Export, ExportRequest
from mai_usage_ext.services.usage_ranges import RangeText

__all__ = ["ProgressBar", "add_arguments", "run"]

_STDOUT = "-"
_BAR_WIDTH = 30
_EVERY_ROWS = 500
_EVERY_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command; which values are right is said by the exports themselves."""
    parser.add_argument("--report", help=f"one of {', '.join(REPORTS)}; daily without it")
    parser.add_argument("--group-by", help="in its place: day, week, month, user, model, …; or two")
    parser.add_argument("--format", default="csv", help="csv, json, jsonl, xlsx or parquet")
    parser.add_argument("--from", dest="first", metavar="DAY", help="the month so far without it")
    parser.add_argument("--to", dest="last", metavar="DAY", help="the last day, included")
    parser.add_argument("--client", metavar="ID", help="one organization's id or slug; else all")
    parser.add_argument("--bom", action="store_true", help="let Excel see that the CSV is UTF-8")
    parser.add_argument("--delimiter", default="comma", help="of CSV: comma or semicolon")
    parser.add_argument("--output", metavar="FILE", help="- for the standard output")


def run(args: argparse.Namespace) -> int:
    """Write the file; 0 once it is whole. Nobody ever finds a part of one under its name."""
    with open_exports(os.environ) as (exports, client_id):
        bar = ProgressBar(sys.stderr)
        try:
            export = exports.open(_request(args, client_id(args.client)), watch=bar.watch)
            if args.output == _STDOUT:
                return _to_stdout(export)
            path = Path(args.output or export.file_name)
            with _whole_file(path) as file:
                for piece in export.chunks:
                    file.write(piece)
        except BadInput as error:
            # It names parameters as a URL has them.
            named = str(error).replace("group_by", "group-by", 1)
            raise ConfigurationError(f"--{named}") from None
        except OSError as error:
            print(f"mai-usage: the file could not be written: {error}", file=sys.stderr)
            return 1
        finally:
            bar.close()
    print(f"{path}: {bar.rows:,} rows")
    return 0


def _request(args: argparse.Namespace, client_id: str | None) -> ExportRequest:
    return ExportRequest(
        is_admin=True,
        report=args.report,
        group_by=args.group_by,
        format=args.format,
        days=RangeText(since=args.first, until=args.last),
        organization_id=client_id,
        has_bom=args.bom,
        delimiter=args.delimiter,
    )


def _to_stdout(export: Export) -> int:
    try:
        for piece in export.chunks:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough; Python would complain once more at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file beside it that takes its name in the end, and goes where there is no such end."""
    part = path.with_name(f"{path.name}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise ConfigurationError.of(
            "--output", got=str(path), expected=f"a file that can be written ({error.strerror})"
        ) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


class ProgressBar:
    """Counts the rows that pass, and draws them where ``stream`` is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._draws = stream.isatty()
        self._drawn_at = 0.0
        self._expected: int | None = None
        self.rows = 0

    def watch(self, table: Table) -> Table:
        self._expected = table.expected_rows
        return replace(table, rows=self._counted(table.rows))

    def close(self) -> None:
        if self._draws and self._drawn_at:
            self._draw()
            self._stream.write("\n")

    def _counted(self, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            self.rows += 1
            if self._draws and self.rows % _EVERY_ROWS == 0:
                self._draw_now_and_then()
            yield row

    def _draw_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= _EVERY_S:
            self._drawn_at = now
            self._draw()

    def _draw(self) -> None:
        if not self._expected:
            self._stream.write(f"\r{self.rows:,} rows")
        else:
            share = min(1.0, self.rows / self._expected)
            filled = round(share * _BAR_WIDTH)
            bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
            self._stream.write(f"\r[{bar}] {share:4.0%}  {self.rows:,} of {self._expected:,} rows")
        self._stream.flush()
