"""One of several processes that close statements at once, run as a program of its own."""

import sys
from contextlib import suppress
from unittest import mock

from peewee import Database

from mai_usage_ext.errors import Conflict
from mai_usage_ext.storage.database import close_database, open_database
from tests.services.billing_rig import Billing


def close_all(billing: Billing, organizations: list[str], months: list[str]) -> None:
    """Wait for a word, then close every month of every organization that another one has not."""
    print("ready", flush=True)  # noqa: T201 - the signal, for the test that started this
    sys.stdin.readline()
    for month in months:
        for organization in organizations:
            # Another one may be faster with it; the months come in order for everybody.
            with suppress(Conflict):
                print(billing.close(organization, month).number, flush=True)  # noqa: T201


def stop_before_the_commit(billing: Billing, organization: str, month: str) -> None:
    """Everything is written, the number included, and nothing committed."""

    def stop_here(*_: object, **__: object) -> None:
        print("written", flush=True)  # noqa: T201 - the signal, for the test that started this
        sys.stdin.read()

    with mock.patch.object(billing.audit, "record", stop_here):
        billing.close(organization, month)


def main() -> None:
    command, url, organizations, months = sys.argv[1:]
    db: Database = open_database(url, owned=True)
    billing = Billing(db)
    billing.at("2026-05-03T12:00:00")
    if command == "close":
        close_all(billing, organizations.split(","), months.split(","))
    else:
        stop_before_the_commit(billing, organizations, months)
    close_database(db)


if __name__ == "__main__":
    main()
