"""One of several processes that share a job which never ends, run as a program of its own.

It says when its run begins, and when it learns that another process has begun too.
"""

import asyncio
import sys

from mai_usage_ext import guard
from mai_usage_ext.jobs.thread import Job, JobThread
from mai_usage_ext.services.leases import LeasedJob
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.job_leases import JobLeaseRows

LENGTH_MS, ASK_EVERY_S = 1_500, 1


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201 - the signal, for the test that started this


async def work() -> None:
    say("begun")
    while not guard.tally["leases lost"]:  # noqa: ASYNC110 - counted in another task
        await asyncio.sleep(0.02)
    say("lost")
    await asyncio.Event().wait()


def main() -> None:
    url, owner = sys.argv[1:]
    db = open_database(url, owned=True)

    async def at_end() -> None:
        close_database(db)

    leases = JobLeaseRows(db, owner=owner, length_ms=LENGTH_MS)
    shared = LeasedJob("sealing", work, every_s=3_600, leases=leases)
    thread = JobThread(
        [Job(name="sealing", every_s=ASK_EVERY_S, run=shared.run, is_shared=True)], at_end=at_end
    )
    thread.start()
    say("ready")
    sys.stdin.read()
    thread.stop(timeout_s=10)


if __name__ == "__main__":
    main()
