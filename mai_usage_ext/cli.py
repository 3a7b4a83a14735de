"""The command ``mai-usage``.

serve      Open WebUI with the meter inside; takes the place of ``open-webui serve``
doctor     what of the host, the settings and the database is found, and what to do where it is not
migrate    status, up, down
rotate-keys  seal every stored secret anew with the newest key of the ring
audit      verify that nobody has changed the audit trail
reconcile  compare days with OpenRouter's own figures
export     a report as a file: CSV, JSON, XLSX, Parquet, FOCUS
statements  list, close and print months' statements
frontend-patch  add our tabs to the sources of a front end you build yourself
import-legacy  take over what mAI's in-tree prototype has stored
explain    why the numbers of one call are so
validate   add up counters, days and months anew, and list what differs
self-test  make a real call and follow it everywhere
assets     write the front end's files for a CDN
simulate   a local OpenRouter with its own exact bill
demo       simulator, host and meter together, with real chats
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mai_usage_ext.errors import BadInput, ConfigurationError, UsageError
from mai_usage_ext.settings import Settings
from mai_usage_ext.version import __version__

if TYPE_CHECKING:
    from mai_usage_ext.services.legacy import Progress
    from mai_usage_ext.services.legacy_report import RowReport
    from mai_usage_ext.services.resealing import Resealed
    from mai_usage_ext.storage.migrate import MigrationState

    # The class has no public name, and takes a parameter only for the type checker.
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["main"]

_KEYS_A_LINE = 50


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what it was asked, 2 when an input was wrong, else 1."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except UsageError as error:
        for problem in getattr(error, "problems", (str(error),)):
            print(f"mai-usage: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    from mai_usage_ext import debug_commands, frontend_patch

    parser = argparse.ArgumentParser(
        prog="mai-usage", description="Meters, limits and bills OpenRouter usage of Open WebUI."
    )
    parser.add_argument("--version", action="version", version=f"mai-usage {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_doctor(commands)
    _add_migrate(commands)
    _add_rotate_keys(commands)
    _add_audit(commands)
    _add_reconcile(commands)
    _add_export(commands)
    _add_statements(commands)
    _add_import_legacy(commands)
    debug_commands.add_commands(commands)
    frontend_patch.add_command(commands)
    _add_assets(commands)
    _add_simulate(commands)
    _add_demo(commands)
    return parser


def _add_serve(commands: "Commands") -> None:
    parser = commands.add_parser("serve", help="run Open WebUI with the meter inside")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104
    parser.add_argument("--port", type=_port, default=8080)
    parser.add_argument("--workers", type=_workers, help="worker processes (UVICORN_WORKERS)")
    parser.set_defaults(run=_serve)


def _serve(args: argparse.Namespace) -> int:
    from mai_usage_ext.bootstrap import rehearse
    from mai_usage_ext.host.serving import serve

    # Better no server than one whose meter turns out not to start.
    settings = Settings.from_env(os.environ)
    serve(
        host=args.host,
        port=args.port,
        workers=args.workers,
        before=lambda: rehearse(settings),
    )
    return 0


def _add_doctor(commands: "Commands") -> None:
    parser = commands.add_parser("doctor", help="check host, settings, database and health")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead")
    parser.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from mai_usage_ext.doctor import examine

    return examine(os.environ, as_json=args.json)


def _add_migrate(commands: "Commands") -> None:
    parser = commands.add_parser("migrate", help="show or change the version of our tables")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    status = actions.add_parser("status", help="list the migrations and which are applied")
    status.set_defaults(run=_migrate_status)
    up = actions.add_parser("up", help="apply what is missing")
    up.add_argument("--to", type=int, metavar="N", help="stop after migration N")
    up.set_defaults(run=_migrate_up)
    down = actions.add_parser("down", help="take migrations back; their tables' rows are lost")
    down.add_argument("--to", type=int, required=True, metavar="N", help="keep up to N; 0 for none")
    down.add_argument("--yes", action="store_true", help="the rows of those tables may be lost")
    down.set_defaults(run=_migrate_down)


def _migrate_status(_args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import open_migrator

    with open_migrator(os.environ) as migrator:
        for state in migrator.status():
            print(f"{state.number:04d}  {state.name:<30}  {_applied(state)}")
    return 0


def _applied(state: "MigrationState") -> str:
    if state.applied_at_ms is None:
        return "waits to be applied"
    applied = datetime.fromtimestamp(state.applied_at_ms // 1000, UTC).isoformat(sep=" ")
    notes = ["" if state.is_known else "by a newer version", "script changed since"]
    return " · ".join(filter(None, [f"applied {applied}", *notes[: 1 + state.is_changed]]))


def _migrate_up(args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import open_migrator

    with open_migrator(os.environ) as migrator:
        applied = migrator.up(args.to)
    print(f"applied: {', '.join(map(str, applied)) or 'nothing, all is up to date'}")
    return 0


def _migrate_down(args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import open_migrator

    if not args.yes:
        print("mai-usage: this drops tables with their rows; add --yes to do it", file=sys.stderr)
        return 2
    with open_migrator(os.environ) as migrator:
        taken_back = migrator.down(args.to)
    print(f"taken back: {', '.join(map(str, taken_back)) or 'nothing'}")
    return 0


def _add_rotate_keys(commands: "Commands") -> None:
    parser = commands.add_parser(
        "rotate-keys", help="seal stored secrets anew with the newest encryption key"
    )
    parser.set_defaults(run=_rotate_keys)


def _rotate_keys(_args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import reseal_secrets

    def show(state: "Resealed") -> None:
        if state.seen % 100 == 0 or state.seen == state.total:
            print(f"{state.seen} of {state.total} secrets seen", flush=True)

    with stoppable() as should_stop:
        state = reseal_secrets(os.environ, progress=show, should_stop=should_stop)
    print(f"sealed anew: {state.done}; sealed with the newest key before: {state.skipped}")
    for name in state.unreadable:
        print(f"mai-usage: {name}: no key of the ring opens it; enter it again", file=sys.stderr)
    if state.was_interrupted:
        print("interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 1 if state.unreadable else 0


@contextmanager
def stoppable() -> "Iterator[Callable[[], bool]]":
    """Ctrl+C asks to stop after the present row instead of tearing it."""
    asked = False

    def ask(_number: int, _frame: object) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _add_audit(commands: "Commands") -> None:
    parser = commands.add_parser("audit", help="look after the audit trail")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="find the first row that was tampered with")
    verify.set_defaults(run=_audit_verify)


def _audit_verify(_args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import verify_audit

    verdict = verify_audit(os.environ)
    print(
        f"{verdict.rows} rows of the trail fit; its end is {verdict.head_seq} {verdict.head_hash}"
    )
    if verdict.is_intact:
        return 0
    print(f"mai-usage: row {verdict.seq}: {verdict.reason}", file=sys.stderr)
    return 1


def _add_reconcile(commands: "Commands") -> None:
    parser = commands.add_parser(
        "reconcile", help="compare completed UTC days with OpenRouter's own figures"
    )
    options: dict[str, Any] = {"type": _day, "required": True, "metavar": "DAY"}
    parser.add_argument("--from", dest="first", help="the first day", **options)
    parser.add_argument("--to", dest="last", help="the last day, included", **options)
    parser.set_defaults(run=_reconcile)


def _reconcile(args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import reconcile

    if args.last < args.first:
        raise BadInput("--to", got=args.last.isoformat(), expected="a day not before --from")
    count = (args.last - args.first).days + 1
    unexplained, done = 0, 0
    with stoppable() as should_stop:
        days = [args.first + timedelta(days=offset) for offset in range(count)]
        for result in reconcile(
            os.environ, days, should_stop=should_stop, progress=_keys_reconciled
        ):
            done += 1
            unexplained += sum(line.finding == "unexplained" for line in result.lines)
            print(f"{done} of {count} days: {result.in_words()}", flush=True)
    if done < count:
        print("interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 1 if unexplained else 0


def _keys_reconciled(day: date, done: int, total: int) -> None:
    if done % _KEYS_A_LINE == 0:
        print(f"{day}: {done} of {total} keys", file=sys.stderr, flush=True)


def _add_statements(commands: "Commands") -> None:
    from mai_usage_ext import statement_command

    parser = commands.add_parser("statements", help="list, close and print months' statements")
    statement_command.add_arguments(parser)
    parser.set_defaults(run=statement_command.run)


def _add_export(commands: "Commands") -> None:
    from mai_usage_ext import export_command

    parser = commands.add_parser("export", help="write a report into a file")
    export_command.add_arguments(parser)
    parser.set_defaults(run=export_command.run)


def _add_import_legacy(commands: "Commands") -> None:
    parser = commands.add_parser(
        "import-legacy", help="take over what mAI's in-tree prototype has stored"
    )
    parser.add_argument("--dry-run", action="store_true", help="say all of it and write nothing")
    parser.add_argument("--yes", action="store_true", help="write it")
    parser.add_argument("--report", metavar="FILE", help="every row's fate, as lines of JSON")
    parser.set_defaults(run=_import_legacy)


def _import_legacy(args: argparse.Namespace) -> int:
    from mai_usage_ext.maintenance import import_legacy
    from mai_usage_ext.services.legacy_report import lines_of

    if args.yes == args.dry_run:
        print("mai-usage: add --dry-run to see what would come over, or --yes", file=sys.stderr)
        return 2

    def show(state: "Progress") -> None:
        print(f"{state.done} of {state.total} organizations: {state.organization}", flush=True)

    with _row_file(args.report) as write_row, stoppable() as should_stop:
        report = import_legacy(
            os.environ,
            is_rehearsal=args.dry_run,
            sink=write_row,
            progress=show,
            should_stop=should_stop,
        )
    for line in lines_of(report):
        print(line)
    if args.dry_run:
        print("nothing was written; run it with --yes to import")
    if report.was_interrupted:
        print("interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0 if report.is_complete else 1


@contextmanager
def _row_file(path: str | None) -> "Iterator[Callable[[RowReport], None]]":
    """Opened before anything is imported: a report that cannot be written stops it all."""
    from mai_usage_ext.services.legacy_report import json_of

    if path is None:
        yield lambda _row: None
        return
    try:
        file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigurationError.of(
            "--report", got=path, expected=f"a file that can be written ({error.strerror})"
        ) from None
    with file:
        yield lambda row: print(json_of(row), file=file)


def _add_assets(commands: "Commands") -> None:
    from mai_usage_ext import assets_command

    parser = commands.add_parser("assets", help="write the front end's files for a CDN")
    assets_command.add_arguments(parser)
    parser.set_defaults(run=assets_command.run)


def _add_simulate(commands: "Commands") -> None:
    from mai_usage_ext import simulator

    parser = commands.add_parser("simulate", help="run a local OpenRouter with its own bill")
    simulator.add_arguments(parser)
    parser.set_defaults(run=simulator.run)


def _add_demo(commands: "Commands") -> None:
    from mai_usage_ext import demo

    parser = commands.add_parser("demo", help="simulator, host and meter with real chats")
    demo.add_arguments(parser)
    parser.set_defaults(run=demo.run)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a day; expected one such as 2026-01-31"
        ) from None


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected 0 to 65535")
    return port


def _workers(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers from 1 to 256")
    return count


if __name__ == "__main__":
    sys.exit(main())
