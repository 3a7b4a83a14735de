"""One of several processes that book calls or seal days at once, run as a program of its own."""

import sys
import threading
from datetime import timedelta
from unittest import mock

from peewee import Database

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.sealed_days import SealedDays
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold

DAYS = [DAY - timedelta(days=back) for back in (2, 1, 0)]
NOW_MS = AT_MS + 86_400_000


def book(db: Database, owner: str, organization: str, calls: int) -> None:
    """Hold and settle calls of three days, a few at a time."""
    writer = LedgerWriter(db, owner=owner)
    writer.start()
    for first in range(0, calls, 5):
        settled = []
        for number in range(first, first + 5):
            hold = make_hold(
                organization,
                owner=owner,
                user_id=f"user-{number % 3}",
                model=f"acme/model-{number % 2}",
                day=DAYS[number % 3],
            )
            writer.place(hold)
            settled.append(writer.settle(hold, make_entry(hold, billed_pusd=1_000 + number)))
        for future in settled:
            assert future.result(120)
    assert writer.stop(30) == 0


def seal_on_and_on(db: Database, organization: str) -> None:
    """Until the standard input ends."""
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    seals = SealRows(db)
    sealed = 0
    # Not without a pause: on SQLite nobody else would ever get the write lock.
    while not is_over.wait(0.02):
        sealed += sum(seals.seal(organization, day, now_ms=NOW_MS) for day in DAYS)
    print(sealed)  # noqa: T201 - the result, for the test that started this


def seal_until(db: Database, organization: str, point: str) -> None:
    """Stop dead where the ledger has been read, or where everything is written but committed."""

    def stop_here(*_: object, **__: object) -> None:
        print(point, flush=True)  # noqa: T201 - the signal, for the test that started this
        sys.stdin.read()

    seals = SealRows(db)
    if point == "read":
        with mock.patch.object(seals, "_users", stop_here):
            seals.seal(organization, DAY, now_ms=NOW_MS)
    with mock.patch.object(SealedDays, "_note", stop_here):
        seals.seal(organization, DAY, now_ms=NOW_MS)


def main() -> None:
    command, url, *rest = sys.argv[1:]
    db = open_database(url, owned=True)
    match command, rest:
        case "book", [owner, organization, calls]:
            book(db, owner, organization, int(calls))
        case "seal", [organization]:
            seal_on_and_on(db, organization)
        case "stop", [organization, point]:
            seal_until(db, organization, point)
    close_database(db)


if __name__ == "__main__":
    main()
