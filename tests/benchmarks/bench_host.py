"""A real Open WebUI with and without the extension, interleaved in one run.

Two hosts of the same version serve the same simulator, one with the meter and one whose flag is
off. The metered one has two callers: one whose organization has no limit, and one whose
organization has a monthly limit and a key of its own, so that each of its calls is judged and
rewritten. Every round asks all three the same, in turns, so that whatever else the machine does
hits all of them. Printed are the time to the first streamed byte at concurrency 1 and at half load,
CPU for each completion, and the throughput at concurrency 20.
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

from mai_usage_ext.demo.accounts import Account, Accounts
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.simulator import Simulator, SimulatorThread
from tests.benchmarks.figures import Arguments, at_least, at_most, percentile

__all__ = ["Side", "host_for", "main", "measure_all", "report", "side_of", "user_of"]

MODEL = "openai/gpt-4o-mini"
OURS = "/api/v1/client_organizations"
ROUNDS, PER_ROUND, WARM_UP = 12, 25, 30
LOAD_ROUNDS, LOAD_CALLS = 6, 120

# What the extension may add: milliseconds at p50 and p99, of CPU, share of throughput, MiB.
FIRST_BYTE_MS = {50: 1, 99: 8}
CPU_MS, THROUGHPUT, MEMORY_MIB = 0.7, 0.95, 40


@dataclass(kw_only=True)
class Side:
    """One caller: the host, the token, and what was measured. ``hops`` are the ids of other
    processes that its calls go through."""

    name: str
    host: HostProcess
    token: str
    hops: tuple[int, ...] = ()
    alone: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def processor_time(self) -> float:
        spent = [psutil.Process(pid).cpu_times() for pid in (self.host.pid, *self.hops)]
        return float(sum(times.user + times.system for times in spent))


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


def compare(title: str, before: Side, after: Side, values: Callable[[Side], list[float]]) -> None:
    for part, target in FIRST_BYTE_MS.items():
        first, second = percentile(values(before), part), percentile(values(after), part)
        print(
            f"{title} p{part}   {before.name} {first:7.2f} ms   {after.name} {second:7.2f} ms   "
            f"added {second - first:+6.2f} ms   ratio {second / first:.2f} "
            f"{at_most(second - first, target)}"
        )


def report(before: Side, after: Side) -> None:
    """What the second costs more than the first."""
    compare("first byte, one at a time", before, after, lambda side: side.alone)
    compare("first byte, two at a time", before, after, lambda side: side.loaded)
    first, second = statistics.median(before.cpu), statistics.median(after.cpu)
    print(
        f"CPU per completion              {before.name} {first:7.2f} ms   "
        f"{after.name} {second:7.2f} ms   "
        f"added {second - first:+6.2f} ms   ratio {second / first:.2f} "
        f"{at_most(second - first, CPU_MS)}"
    )
    ratio = statistics.median(two / one for one, two in zip(before.rates, after.rates, strict=True))
    print(
        f"completions a second, 20 at a time   "
        f"{before.name} {statistics.median(before.rates):6.1f}   "
        f"{after.name} {statistics.median(after.rates):6.1f}   "
        f"ratio {ratio:.2f} {at_least(ratio, THROUGHPUT)}"
    )


def report_memory(off: Side, on: Side) -> None:
    memory = [psutil.Process(side.host.pid).memory_info().rss / 2**20 for side in (off, on)]
    print(
        f"memory of the worker   off {memory[0]:6.0f} MiB   on {memory[1]:6.0f} MiB   "
        f"added {memory[1] - memory[0]:+.0f} MiB {at_most(memory[1] - memory[0], MEMORY_MIB)}"
    )


def host_for(folder: Path, simulator: Simulator, *, is_on: bool) -> HostProcess:
    return HostProcess(
        folder / ("on" if is_on else "off"),
        upstream=simulator.url,
        key=simulator.inference_key,
        environment={
            "ENABLE_MAI_USAGE_EXT": str(is_on).lower(),
            "OPENROUTER_PROVISIONING_KEY": simulator.management_key,
        },
    )


def admin_of(host: HostProcess) -> Account:
    accounts = Accounts(host.url)
    return accounts.admin(name="Admin", email="admin@example.org", password="benchmark")


def user_of(host: HostProcess, name: str) -> Account:
    """An ordinary user on every side: the host has less to do for its admins."""
    email = f"{name}@example.org"
    return Accounts(host.url).user(admin_of(host), name=name, email=email, password="benchmark")


def side_of(host: HostProcess) -> Side:
    name = host.data.name
    return Side(name=name, host=host, token=user_of(host, name).token)


def limited_beside(on: Side) -> Side:
    """Somebody whose organization has a key of its own and a limit that is never reached."""
    call, token = Accounts(on.host.url).call, admin_of(on.host).token
    terms = {"name": "Limited", "monthly_limit": "1000000"}
    client = call("POST", f"{OURS}/clients", terms, token=token)["client"]
    if client["key"]["state"] != "active":
        raise RuntimeError(f"the organization has no key: {client['key']}")
    user = user_of(on.host, "limited")
    mapping = {"user_id": user.id, "client_org_id": client["id"]}
    call("POST", f"{OURS}/user-mappings", mapping, token=token)
    return Side(name="limited", host=on.host, token=user.token)


def main(_arguments: Arguments = ()) -> None:
    with ExitStack() as stack:
        simulator = stack.enter_context(SimulatorThread())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mai-usage-bench-")))
        off, on = (
            side_of(stack.enter_context(host_for(folder, simulator, is_on=is_on)))
            for is_on in (False, True)
        )
        limited = limited_beside(on)
        print(f"Open WebUI {off.host.version()}, two hosts on {psutil.cpu_count()} cores")
        asyncio.run(measure_all([off, on, limited]))
        for before, after in ((off, on), (off, limited), (on, limited)):
            print(f"-- {before.name} → {after.name}")
            report(before, after)
        report_memory(off, on)


if __name__ == "__main__":
    main()
