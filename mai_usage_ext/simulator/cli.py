"""`mai-usage simulate`: the simulator as a program of its own."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from mai_usage_ext.simulator.server import INFERENCE_KEY, MANAGEMENT_KEY, Simulator

_HELP = """\
# Switch faults for every call, for some calls, or for one request:
#   curl -X POST {origin}/__control/switches -d '{{"usage": "missing"}}'
#   curl -X POST {origin}/__control/switches -d '{{"status": 503, "times": 2}}'
#   the header  X-Simulate: {{"chunks": 500}}  or  [[simulate {{"chunks": 500}}]]  in a message
#   curl {origin}/__control/switches       (all switches, explained; DELETE resets them)
#   curl {origin}/__control/bill           (the exact bill; DELETE resets it)
# Ctrl-C stops it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, on a parser of the caller's."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=8787, help="port; 0 takes any free one")
    parser.add_argument("--inference-key", default=INFERENCE_KEY, metavar="KEY")
    parser.add_argument("--management-key", default=MANAGEMENT_KEY, metavar="KEY")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit status.

    The first three lines of output are `NAME=value` for the environment of a client.
    """
    try:
        asyncio.run(_serve(args))
    except OSError as error:
        reason = error.strerror or error
        sys.stderr.write(f"Cannot listen on {args.host}:{args.port}: {reason}\n")
        return 1
    return 0


async def _serve(args: argparse.Namespace) -> None:
    simulator = Simulator(
        args.host,
        args.port,
        inference_key=args.inference_key,
        management_key=args.management_key,
    )
    async with simulator:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        sys.stdout.write(_greeting(simulator) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def _greeting(simulator: Simulator) -> str:
    return "\n".join(
        (
            f"OPENROUTER_BASE_URL={simulator.url}",
            f"OPENROUTER_API_KEY={simulator.inference_key}",
            f"OPENROUTER_PROVISIONING_KEY={simulator.management_key}",
            _HELP.format(origin=simulator.origin),
        )
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; use 0 to 65535")
    return port
