"""The same calls recorded by us and by ``openwebui-token-tracking``, turn by turn in one run.

That library of PyPI is made for the same host. Its pipes record a call when its answer ends, with a
row and a commit each, one call after another, and ask for the user's remaining credits before it
begins. Both are measured, on its own tables with its own engine; only its SQLite file is put into
WAL mode, which is ours and faster than its default. Its row has no money and no hold.
Run it with ``python -m tests.benchmarks tracking``.
"""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.writer import LedgerWriter
from tests.benchmarks.bench_writer import durable_postgres, made_up_calls, settle_all
from tests.benchmarks.figures import Arguments, at_least
from tests.benchmarks.rivals import rival_python, version_of
from tests.storage.samples import make_organization
from tests.workshop.shell import WorkshopError

__all__ = ["main"]

OURS, THEIRS, ROUNDS = 5_000, 400, 5
TARGET = 15

# Its declared dependencies are all of Open WebUI, 7 GB; this is what recording imports.
_NEEDS = ("alembic>=1.14.0", "psycopg[binary]>=3.1", "pydantic>=2.9.2", "sqlalchemy>=2.0.32")
_NAME = "openwebui-token-tracking"


class Tracker:
    """Their library in its own process, asked for so many calls at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def record(self, calls: int, *, checked: bool) -> float:
        """Calls a second."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"calls": calls, "checked": checked}) + "\n")
        self._process.stdin.flush()
        return calls / float(self._process.stdout.readline())


@contextmanager
def tracker(python: Path, url: str) -> Iterator[Tracker]:
    script = Path(__file__).with_name("token_tracking.py")
    with subprocess.Popen(
        [python, script, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        # Leaving the block closes its input, which is what ends it.
        yield Tracker(process)


def _whole(writer: LedgerWriter, organization: str) -> float:
    """Calls a second, each held and then settled."""
    started = time.perf_counter()
    settle_all(writer, made_up_calls(writer, organization, OURS))
    return OURS / (time.perf_counter() - started)


def _compare(name: str, python: Path, our_url: str, their_url: str) -> None:
    db = open_database(our_url, owned=True)
    Migrator(db, version="99.0").up()
    organization = make_organization(db)
    close_database(db)
    writer = LedgerWriter(db, owner="bench")
    writer.start()
    figures: dict[str, list[float]] = {"ours": [], "theirs": [], "our_whole": [], "their_whole": []}
    with tracker(python, their_url) as them:
        for _ in range(ROUNDS):
            calls = made_up_calls(writer, organization, OURS)
            figures["ours"].append(settle_all(writer, calls))
            figures["theirs"].append(them.record(THEIRS, checked=False))
            figures["our_whole"].append(_whole(writer, organization))
            figures["their_whole"].append(them.record(THEIRS // 4, checked=True))
    writer.stop(30)
    _print(f"{name:<10} recorded          ", figures["ours"], figures["theirs"], target=TARGET)
    _print(f"{name:<10} asked and recorded", figures["our_whole"], figures["their_whole"])


def _print(
    title: str, ours: list[float], theirs: list[float], *, target: float | None = None
) -> None:
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    print(
        f"{title}   ours {statistics.median(ours):>8,.0f}/s   "
        f"theirs {statistics.median(theirs):>6,.0f}/s   ratio {ratio:.0f} "
        f"{'' if target is None else at_least(ratio, target)}".rstrip()
    )


def main(_arguments: Arguments = ()) -> None:
    try:
        python = rival_python("token-tracking", ["--no-deps", f"{_NAME}>=0.1.10"], _NEEDS)
    except WorkshopError as error:
        print(f"{_NAME}: not measured: {error}")
        return
    print(f"{_NAME} {version_of(python, _NAME)}")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (f"sqlite:///{Path(folder) / name}.db" for name in ("ours", "theirs"))
        _compare("SQLite", python, ours, theirs)
    with durable_postgres() as server:
        theirs = server.create_database().replace("postgresql://", "postgresql+psycopg://", 1)
        _compare("PostgreSQL", python, server.create_database(), theirs)


if __name__ == "__main__":
    main()
