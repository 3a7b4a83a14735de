"""One of several processes that use one database at once, run as a program of its own."""

import sys

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_entry, make_hold


def migrate(url: str) -> int:
    """How many migrations this process applied."""
    db = open_database(url, owned=True)
    applied = Migrator(db, version="0.1.0").up()
    close_database(db)
    return len(applied)


def settle(url: str, owner: str, organizations: list[str], calls: int) -> int:
    """Settle calls whose generations every process settles; how many were booked here."""
    db = open_database(url, owned=True)
    writer = LedgerWriter(db, owner=owner)
    writer.start()
    futures = []
    for number in range(calls):
        organization = organizations[number % len(organizations)]
        hold = make_hold(organization, user_id=f"user-{number % 4}", owner=owner)
        writer.place(hold)
        entry = make_entry(hold, f"gen-1768903200-{number}", billed_pusd=1000 + number)
        futures.append(writer.settle(hold, entry))
    booked = sum(future.result(120) for future in futures)
    assert writer.stop(30) == 0
    close_database(db)
    return booked


def main() -> None:
    match sys.argv[1:]:
        case ["migrate", url]:
            print(migrate(url))  # noqa: T201 - the result, for the test that started this
        case ["settle", url, owner, organizations, calls]:
            print(settle(url, owner, organizations.split(","), int(calls)))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
