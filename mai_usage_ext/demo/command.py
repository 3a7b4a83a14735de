"""``mai-usage demo``: a whole metered Open WebUI on this machine, in one command."""

import argparse
import asyncio
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

__all__ = ["add_arguments", "run"]

_DEFAULT_PORT = 8080
_REAL_MODEL = "openai/gpt-4o-mini"
_SIMULATED_MODELS = (
    "openai/gpt-4o-mini",
    "google/gemini-2.5-flash",
    "anthropic/claude-sonnet-4",
    "qwen/qwen3-8b",
)
_DEFAULT_EMBEDDING_MODEL = "openai/text-embedding-3-small"
_REAL_BASE_URL = "https://openrouter.ai/api/v1"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# What the host needs from its own environment, and the demo's screen from it.
_NEEDED = ("open_webui", "socketio")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, on a parser of the caller's."""
    parser.add_argument(
        "--once", action="store_true", help="play, check, print the summary and stop"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(".demo"),
        metavar="DIR",
        help="folder for the host's data, cleared at each start (default: .demo)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        help="port of the host; 0 takes a free one (default: 8080, with --once a free one)",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no live traffic after the play, just the host"
    )


def run(args: argparse.Namespace) -> int:
    """Play the demo; returns the exit status: 0 good, 1 the books differ, 2 it cannot start.

    With ``OPENROUTER_API_KEY`` set the calls go to the real OpenRouter and cost real money;
    ``OPENROUTER_MODEL`` then names the model.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        _complain(
            f"Open WebUI is not installed for {sys.executable} (no module {missing[0]}); "
            "run `make install`, or `pip install open-webui` into this environment."
        )
        return 2
    try:
        return asyncio.run(_run_until_stopped(args))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("stopped")
        return 130 if args.once else 0


async def _run_until_stopped(args: argparse.Namespace) -> int:
    """Ctrl-C and SIGTERM both end the demo in an orderly way, and the host with it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker: we are inside of one
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await _run(args, os.environ)


async def _run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    # Imported here: before this line it is not known whether the host is there.
    from mai_usage_ext.demo.host_process import HostError, port_is_free
    from mai_usage_ext.demo.play import PlayError
    from mai_usage_ext.demo.screen import ScreenError
    from mai_usage_ext.demo.show import Show
    from mai_usage_ext.demo.stage import prepare_folder
    from mai_usage_ext.demo.upstreams import RealOpenRouter, Simulated, UpstreamSilent

    data, port = args.data.absolute(), args.port
    if port is None:
        port = 0 if args.once else _DEFAULT_PORT
    try:
        if port and not port_is_free(port):
            raise HostError(f"port {port} is in use; choose another one with --port")
        prepare_folder(data, tell=_say)
    except HostError as error:
        _complain(str(error))
        return 2
    key = environ.get("OPENROUTER_API_KEY", "")
    if key:
        base_url = environ.get("OPENROUTER_BASE_URL", _REAL_BASE_URL).split(";")[0].rstrip("/")
        models: tuple[str, ...] = (environ.get("OPENROUTER_MODEL", _REAL_MODEL),)
        _say(f"OPENROUTER_API_KEY is set: calls to {base_url} with {models[0]}; they cost money")
        upstream: RealOpenRouter | Simulated = RealOpenRouter(base_url=base_url, key=key)
    else:
        models = _SIMULATED_MODELS
        # Words come at a pace that the eye can follow.
        upstream = Simulated(switches={"chunk_delay": 0.02})
        _say(f"the simulated OpenRouter listens on {upstream.base_url}")
    show = Show(
        upstream,
        data,
        port=port,
        models=models,
        embedding_model=environ.get("OPENROUTER_EMBEDDING_MODEL", _DEFAULT_EMBEDDING_MODEL),
        proxies={name: environ[name] for name in _PROXIES if key and name in environ},
        tell=_say,
    )
    try:
        await show.begin()
        verdict = await show.play_and_judge()
        if args.once:
            _say(json.dumps(verdict.row(), separators=(",", ":")))
            return 0 if verdict.is_good else 1
        await show.stay(live=not args.quiet)
        return 0
    except (HostError, PlayError, ScreenError, UpstreamSilent) as error:
        _complain(str(error))
        return 2
    except aiohttp.ClientError as error:
        _complain(f"a call broke off: {error!r}; the host's log is {show.host.log}")
        return 2
    finally:
        show.end()
        upstream.close()


def _say(text: str) -> None:
    """One line at once, also into a pipe."""
    print(text, flush=True)


def _complain(text: str) -> None:
    print(f"mai-usage demo: {text}", file=sys.stderr, flush=True)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; use 0 to 65535")
    return port
