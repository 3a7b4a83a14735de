"""A process of its own that tells what there is to tell, by the database whose URL it is given.

It says ``ready`` once it has started, begins with the next line on stdin, and says how many events
it spread and how many attempts it made.
"""

import asyncio
import sys

from mai_usage_ext.ports import SystemClock
from mai_usage_ext.storage.database import close_database, open_database
from tests.services.webhook_rig import WebhookRig

__all__ = ["main"]


def main(url: str) -> None:
    database = open_database(url, owned=True)
    rig = WebhookRig(database, clock=SystemClock())  # type: ignore[arg-type]
    _say("ready")
    sys.stdin.readline()
    spread = rig.deliveries.spread_events()
    sent = asyncio.run(rig.deliveries.run_once())
    _say(f"{spread} {sent}")
    close_database(database)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
