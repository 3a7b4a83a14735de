"""A real Open WebUI with and without the extension, interleaved in one run.

Two hosts of the same version serve the same simulator, one with the meter and one whose flag is
off. Every round asks both the same, in turns, so that whatever else the machine does hits both.
Printed are the time to the first streamed byte at concurrency 1 and at half load, CPU for each
completion, and the throughput at concurrency 20.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from mai_usage_ext.demo.accounts import Accounts
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.simulator import SimulatorThread

__all__ = ["main"]

MODEL = "openai/gpt-4o-mini"
ROUNDS, PER_ROUND, WARM_UP = 12, 25, 30
LOAD_ROUNDS, LOAD_CALLS = 6, 120


@dataclass(kw_only=True)
class Side:
    """One host: its address, its admin's token, and what was measured of it."""

    name: str
    host: HostProcess
    token: str
    alone: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def processor_time(self) -> float:
        spent = psutil.Process(self.host.pid).cpu_times()
        return float(spent.user + spent.system)


async def first_byte(session: aiohttp.ClientSession, side: Side) -> float:
    """Milliseconds from the question to the first byte of its streamed answer; reads it all."""
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    started = time.perf_counter()
    async with session.post(
        side.host.url + "/api/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {side.token}"},
    ) as response:
        response.raise_for_status()
        await response.content.readany()
        first = time.perf_counter() - started
        await response.read()
    return first * 1000


async def many(
    session: aiohttp.ClientSession, side: Side, *, calls: int, parallel: int
) -> list[float]:
    gate = asyncio.Semaphore(parallel)

    async def one() -> float:
        async with gate:
            return await first_byte(session, side)

    return await asyncio.gather(*(one() for _ in range(calls)))


async def in_turns(
    sides: list[Side], rounds: int, measure: Callable[[Side], Awaitable[None]]
) -> None:
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            await measure(side)


async def measure_all(sides: list[Side]) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:

        async def alone(side: Side) -> None:
            side.alone += [await first_byte(session, side) for _ in range(PER_ROUND)]

        async def saturated(side: Side) -> None:
            started, spent = time.perf_counter(), side.processor_time()
            await many(session, side, calls=LOAD_CALLS, parallel=20)
            side.rates.append(LOAD_CALLS / (time.perf_counter() - started))
            side.cpu.append((side.processor_time() - spent) * 1000 / LOAD_CALLS)

        async def half_loaded(side: Side) -> None:
            side.loaded += await many(session, side, calls=PER_ROUND * 2, parallel=2)

        for side in sides:
            await many(session, side, calls=WARM_UP, parallel=4)
        await in_turns(sides, ROUNDS, alone)
        await in_turns(sides, ROUNDS, half_loaded)
        await in_turns(sides, LOAD_ROUNDS, saturated)


def percentile(values: list[float], part: int) -> float:
    return statistics.quantiles(values, n=100)[part - 1]


def compare(title: str, off: list[float], on: list[float]) -> None:
    for part in (50, 99):
        without, with_it = percentile(off, part), percentile(on, part)
        print(
            f"{title} p{part}   off {without:7.2f} ms   on {with_it:7.2f} ms   "
            f"added {with_it - without:+6.2f} ms   ratio {with_it / without:.2f}"
        )


def report(off: Side, on: Side) -> None:
    compare("first byte, one at a time", off.alone, on.alone)
    compare("first byte, two at a time", off.loaded, on.loaded)
    cpu_off, cpu_on = statistics.median(off.cpu), statistics.median(on.cpu)
    print(
        f"CPU per completion              off {cpu_off:7.2f} ms   on {cpu_on:7.2f} ms   "
        f"added {cpu_on - cpu_off:+6.2f} ms   ratio {cpu_on / cpu_off:.2f}"
    )
    ratios = [with_it / without for without, with_it in zip(off.rates, on.rates, strict=True)]
    print(
        f"completions a second, 20 at a time   off {statistics.median(off.rates):6.1f}   "
        f"on {statistics.median(on.rates):6.1f}   ratio {statistics.median(ratios):.2f}"
    )
    memory = [psutil.Process(side.host.pid).memory_info().rss / 2**20 for side in (off, on)]
    print(
        f"memory of the worker   off {memory[0]:6.0f} MiB   on {memory[1]:6.0f} MiB   "
        f"added {memory[1] - memory[0]:+.0f} MiB"
    )


def main() -> None:
    with ExitStack() as stack:
        simulator = stack.enter_context(SimulatorThread())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mai-usage-bench-")))
        sides = []
        for name in ("off", "on"):
            host = HostProcess(
                folder / name,
                upstream=simulator.url,
                key=simulator.inference_key,
                environment={"ENABLE_MAI_USAGE_EXT": str(name == "on").lower()},
            )
            stack.enter_context(host)
            admin = Accounts(host.url).admin(
                name="Admin", email="admin@example.org", password="benchmark"
            )
            sides.append(Side(name=name, host=host, token=admin.token))
        print(f"Open WebUI {sides[0].host.version()}, two hosts on {psutil.cpu_count()} cores")
        asyncio.run(measure_all(sides))
        report(*sides)


if __name__ == "__main__":
    main()
