"""A small program with the same wire as a host: aiohttp calls under the meter, until it is killed.

    python program.py CALLERS     (0: makes no calls, and only settles what others left)
    python program.py fork        (ready at once: a line of CALLERS on stdin starts one, an empty
                                  line kills it)

Every call has a user of its own, who also stands in the request's body, so that each record of the
upstream can be matched with the one hold that belongs to it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import signal
import sys

import aiohttp

from mai_usage_ext.bootstrap import metering
from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.settings import Settings

_names = itertools.count()
_prefix = secrets.token_hex(4)
_LONGEST_ANSWER = 60


def fork_on() -> None:
    """Start and kill the program as stdin says, without the time that its imports take."""
    running = 0
    for line in sys.stdin:
        if running:
            os.kill(running, signal.SIGKILL)
            os.waitpid(running, 0)
            running = 0
        elif not (running := os.fork()):
            global _prefix
            _prefix = secrets.token_hex(4)
            asyncio.run(main(int(line)))
        print("done", flush=True)  # noqa: T201 - for the one who waits


async def main(callers: int) -> None:
    settings = Settings.from_env(os.environ)
    async with metering(settings), aiohttp.ClientSession() as session:
        await asyncio.gather(*(_call_on(session, settings.base_urls[0]) for _ in range(callers)))
        await asyncio.Event().wait()


async def _call_on(session: aiohttp.ClientSession, base_url: str) -> None:
    """One call after the other: streamed, plain, and one in six stopped half-way."""
    while True:
        number = next(_names)
        user = f"{_prefix}-{number}"
        current_caller.set(Caller(user_id=user))
        body = {
            "model": "openai/gpt-4o-mini",
            "user": user,
            "stream": number % 2 == 0,
            "max_tokens": _LONGEST_ANSWER,
            "messages": [{"role": "user", "content": f"Number {number}"}],
        }
        key = os.environ["CHAOS_KEY"]
        async with session.post(
            base_url + "/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}
        ) as answer:
            if answer.status == 402:
                # A limit: somebody else's call has to end first.
                await answer.read()
                await asyncio.sleep(0.01)
                continue
            if number % 6 == 4:
                await answer.content.readany()
                continue
            await answer.read()


if __name__ == "__main__":
    if sys.argv[1] == "fork":
        fork_on()
    else:
        asyncio.run(main(int(sys.argv[1])))
