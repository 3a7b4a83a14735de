"""One of several processes that use one database at once, run as a program of its own."""

import sys

from mai_usage_ext.metering.limits import MarkPeriod, MarkRule, Marks
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


def spend(url: str, owner: str, organization: str, calls: int, cost_pusd: int) -> int:
    """Ask for so many holds at once, settle each at what it holds; how many were granted."""
    db = open_database(url, owned=True)
    writer = LedgerWriter(db, owner=owner)
    holds = [
        make_hold(organization, user_id=f"user-{number % 4}", owner=owner, estimate_pusd=cost_pusd)
        for number in range(calls)
    ]
    asked = [(hold, writer.place(hold)) for hold in holds]
    writer.start()
    admitted = [hold for hold, verdict in asked if verdict.result(120).granted_pusd is not None]
    settled = [writer.settle(hold, make_entry(hold, billed_pusd=cost_pusd)) for hold in admitted]
    assert all(future.result(120) for future in settled)
    assert writer.stop(30) == 0
    close_database(db)
    return len(admitted)


def cross(url: str, owner: str, organization: str, calls: int, cost_pusd: int) -> int:
    """Settle so many calls, one by one, across marks that another process crosses too."""
    rules = (
        MarkRule(id=1, period=MarkPeriod.LIMIT, marks=(50, 80, 100)),
        MarkRule(id=2, period=MarkPeriod.MONTH, marks=(300, 600, 900)),
        MarkRule(id=3, period=MarkPeriod.DAY, marks=(450, 999)),
        MarkRule(id=4, period=MarkPeriod.MONTH, marks=(240,), user_id="user-0"),
    )
    db, marks = open_database(url, owned=True), Marks(rules)
    writer = LedgerWriter(db, owner=owner, marks=lambda: marks)
    writer.start()
    for number in range(calls):
        hold = make_hold(organization, user_id=f"user-{number % 4}", owner=owner, estimate_pusd=0)
        assert writer.settle(hold, make_entry(hold, billed_pusd=cost_pusd)).result(120)
    assert writer.stop(30) == 0
    close_database(db)
    return calls


def main() -> None:
    match sys.argv[1:]:
        case ["migrate", url]:
            print(migrate(url))  # noqa: T201 - the result, for the test that started this
        case ["settle", url, owner, organizations, calls]:
            print(settle(url, owner, organizations.split(","), int(calls)))  # noqa: T201 - as above
        case ["cross", url, owner, organization, calls, cost]:
            cross(url, owner, organization, int(calls), int(cost))
        case ["spend", url, owner, organization, calls, cost]:
            print(spend(url, owner, organization, int(calls), int(cost)))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
