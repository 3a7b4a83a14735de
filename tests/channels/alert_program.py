"""A process that crosses a mark, says so, and sends what is due when it is told to."""

import asyncio
import sys

from peewee import Database

from mai_usage_ext.channels.email import SmtpMailer, mail_place
from mai_usage_ext.storage.database import close_database, open_database
from tests.services.alert_rig import PICO, AlertRig


def cross(db: Database) -> None:
    rig = AlertRig(db)
    rig.spend(rig.organization(monthly_limit_pusd=10 * PICO), "10")


def send(db: Database, smtp: str) -> None:
    mailer = SmtpMailer(mail_place(smtp), sender="alerts@reseller.example", timeout_s=60)
    asyncio.run(AlertRig(db, mailer=mailer).notifications.run_once())


def main() -> None:
    url, smtp, *work = sys.argv[1:]
    db = open_database(url, owned=True)
    if "cross" in work:
        cross(db)
        print("crossed", flush=True)  # noqa: T201 - for the test that started this
        sys.stdin.read(1)
    if "send" in work:
        send(db, smtp)
    close_database(db)


if __name__ == "__main__":
    main()
