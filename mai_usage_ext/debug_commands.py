"""The commands ``explain``, ``validate`` and ``self-test`` of ``mai-usage``."""

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mai_usage_ext.errors import ConfigurationError, NotRunning
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import SYSTEM
from mai_usage_ext.ports.self_test import ModelOffer
from mai_usage_ext.settings import Settings

if TYPE_CHECKING:
    from mai_usage_ext.services.self_test import SelfTestReport
    from mai_usage_ext.services.validation import ValidationReport

__all__ = ["add_commands"]

_ORGANIZATIONS_A_LINE = 100


def add_commands(commands: Any) -> None:
    """On the subparsers of the command line."""
    explain = commands.add_parser("explain", help="say why the numbers of one call are so")
    explain.add_argument("id", help="of a generation or of a hold")
    _with_json(explain).set_defaults(run=_explain)
    validate = commands.add_parser(
        "validate", help="add up counters, sealed days and months anew, and list what differs"
    )
    _with_json(validate).set_defaults(run=_validate)
    test = commands.add_parser("self-test", help="make a real call and follow it everywhere")
    test.add_argument("--target", choices=("simulator", "openrouter"), default="simulator")
    test.add_argument("--yes", action="store_true", help="it may cost what OpenRouter asks")
    test.add_argument("--model", help="instead of the cheapest one")
    test.add_argument(
        "--key-from",
        metavar="VARIABLE",
        default="OPENAI_API_KEY",
        help="the variable that holds a key for OpenRouter (default: OPENAI_API_KEY)",
    )
    _with_json(test).set_defaults(run=_self_test)


def _with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="one line of JSON instead")
    return parser


def _explain(args: argparse.Namespace) -> int:
    from mai_usage_ext.api.schemas.debug import ExplanationOut
    from mai_usage_ext.maintenance import explain

    found = explain(os.environ, args.id)
    if args.json:
        print(ExplanationOut.of(found).model_dump_json())
        return 0
    for sentence in found.sentences:
        print(f"- {sentence}")
    for record in found.audit:
        print(f"- before that: {record.action} by {record.actor.id}")
    return 0


def _validate(args: argparse.Namespace) -> int:
    from mai_usage_ext.api.schemas.debug import ValidationOut
    from mai_usage_ext.maintenance import validate

    def show(done: int, total: int) -> None:
        if done % _ORGANIZATIONS_A_LINE == 0 or done == total:
            print(f"{done} of {total} organizations", file=sys.stderr, flush=True)

    report = validate(os.environ, progress=show)
    if args.json:
        print(ValidationOut.of(report).model_dump_json())
    else:
        _print_report(report)
    return 0 if report.is_well else 1


def _print_report(report: "ValidationReport") -> None:
    for day in report.day_differences:
        place = f" ({', '.join(day.place)})" if day.place else ""
        print(
            f"{day.organization_id} on {day.day}, {day.where}{place}: "
            f"stored {dict(day.stored)}, the ledger has {dict(day.recomputed)}"
        )
    for month in report.month_differences:
        print(month)
    differ = len(report.day_differences) + len(report.month_differences)
    looked = f"{report.organizations} organizations and {report.days} days were added up anew"
    print(f"{looked}; {differ} differences{' and more' if report.is_cut else ''}")


def _self_test(args: argparse.Namespace) -> int:
    is_simulated = args.target == "simulator"
    found = asyncio.run(_simulated() if is_simulated else _real(args))
    if isinstance(found, ModelOffer):
        print(
            f"mai-usage: this calls {found.model} and costs at most about "
            f"{usd_from_pusd(found.most_pusd)} USD; add --yes to do it",
            file=sys.stderr,
        )
        return 2
    if args.json:
        # What the route reads that runs this in a process of its own.
        print(json.dumps(dataclasses.asdict(found)))
    else:
        _print_steps(found)
    return 0 if found.is_ok else 1


def _print_steps(report: "SelfTestReport") -> None:
    for step in report.steps:
        print(f"{'ok    ' if step.is_ok else 'FAILED'}  {step.ms:5d} ms  {step.name}: {step.seen}")
        if step.advice:
            print(f"        {step.advice}")


async def _simulated() -> "SelfTestReport":
    """A simulator, a meter and a database of their own, all gone afterwards."""
    from mai_usage_ext.simulator import Simulator

    with tempfile.TemporaryDirectory(prefix="mai-usage-self-test-") as folder:
        async with Simulator() as simulator:
            settings = Settings.from_env(
                {
                    "MAI_USAGE_DATABASE_URL": f"sqlite:///{Path(folder) / 'usage.db'}",
                    "MAI_USAGE_DEFAULT_ORGANIZATION": "off",
                    "OPENROUTER_BASE_URL": simulator.url,
                }
            )
            return await _tested(settings, simulator.inference_key, None, None)


async def _real(args: argparse.Namespace) -> "SelfTestReport | ModelOffer":
    from mai_usage_ext.host.seams import host_database_url
    from mai_usage_ext.openrouter.cheapest import CheapestOffer

    settings = Settings.from_env(os.environ)
    if not args.yes:
        return await CheapestOffer(settings.base_urls[0]).find(args.model)
    key = os.environ.get(args.key_from, "").strip()
    if not key:
        raise ConfigurationError.of(
            args.key_from, got="", expected="a key for OpenRouter, or another --key-from"
        )
    url = None if settings.database_url is not None else host_database_url(os.environ)
    return await _tested(settings, key, args.model, url)


async def _tested(
    settings: Settings, key: str, model: str | None, host_database_url: str | None
) -> "SelfTestReport":
    from mai_usage_ext.bootstrap.meter import metering

    async with metering(settings, host_database_url=host_database_url) as meter:
        if meter.services is None:
            raise NotRunning("the meter stopped before the test began")
        return await meter.services.debug.self_test.run(model, actor=SYSTEM, key=key)


def _print_json(value: object) -> None:
    print(json.dumps(value, default=str))
