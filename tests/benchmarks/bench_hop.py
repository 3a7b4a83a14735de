"""What metering costs inside the host, beside what LiteLLM's proxy costs between host and upstream.

Three hosts of the same version serve the same simulator in turns: one with the extension off, one
with it on, and one with it off behind LiteLLM's proxy, which runs without a database and so counts
nothing that would outlive it. CPU is the host's and the proxy's together.
Run it with ``python -m tests.benchmarks hop``.
"""

import asyncio
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.simulator import Simulator, SimulatorThread
from tests.benchmarks.bench_host import MODEL, Side, host_for, measure_all, side_of, user_of
from tests.benchmarks.figures import Arguments, percentile
from tests.benchmarks.litellm_proxy import LiteLlm, ProxyError
from tests.workshop.shell import WorkshopError

__all__ = ["main"]


def behind(proxy: LiteLlm, folder: Path) -> HostProcess:
    return HostProcess(
        folder / "behind",
        upstream=proxy.url,
        key=proxy.key,
        environment={"ENABLE_MAI_USAGE_EXT": "false"},
    )


def report(off: Side, on: Side, hop: Side) -> None:
    rows = {
        "first byte, one at a time, p50": [percentile(side.alone, 50) for side in (off, on, hop)],
        "first byte, one at a time, p99": [percentile(side.alone, 99) for side in (off, on, hop)],
        "first byte, two at a time, p50": [percentile(side.loaded, 50) for side in (off, on, hop)],
        "CPU per completion": [statistics.median(side.cpu) for side in (off, on, hop)],
    }
    for title, (alone, ours, theirs) in rows.items():
        print(
            f"{title:<31} host alone {alone:7.2f} ms   with us {ours - alone:+6.2f} ms   "
            f"behind LiteLLM {theirs - alone:+6.2f} ms   (in all {theirs / ours:.2f} × ours)"
        )
    rates = [statistics.median(side.rates) for side in (off, on, hop)]
    print(
        f"completions a second, 20 at a time   host alone {rates[0]:.1f}   with us {rates[1]:.1f}"
        f"   behind LiteLLM {rates[2]:.1f}   (ours {rates[1] / rates[2]:.2f} × as many)"
    )
    memory = psutil.Process(hop.hops[0]).memory_info().rss / 2**20
    print(f"memory of LiteLLM's proxy   {memory:.0f} MiB")


def measure(folder: Path, simulator: Simulator, stack: ExitStack) -> None:
    proxy = LiteLlm(
        folder / "litellm", upstream=simulator.url, key=simulator.inference_key, model=MODEL
    )
    stack.enter_context(proxy)
    off, on = (
        side_of(stack.enter_context(host_for(folder, simulator, is_on=is_on)))
        for is_on in (False, True)
    )
    host = stack.enter_context(behind(proxy, folder))
    hop = Side(name="behind", host=host, token=user_of(host, "behind").token, hops=(proxy.pid,))
    print(
        f"Open WebUI {off.host.version()}, LiteLLM {proxy.version}, three hosts on "
        f"{psutil.cpu_count()} cores"
    )
    asyncio.run(measure_all([off, on, hop]))
    report(off, on, hop)


def main(_arguments: Arguments = ()) -> None:
    with ExitStack() as stack:
        simulator = stack.enter_context(SimulatorThread())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mai-usage-bench-")))
        try:
            measure(folder, simulator, stack)
        except (WorkshopError, ProxyError) as error:
            print(f"LiteLLM's proxy: not measured: {error}")


if __name__ == "__main__":
    main()
