"""``mai-usage statements``: lists them, closes a month, and writes them as PDF."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mai_usage_ext.api.services import BillingServices
from mai_usage_ext.errors import BadInput, ConfigurationError, Conflict
from mai_usage_ext.maintenance import open_billing
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.statements import Statement, StatementFilter

__all__ = ["add_arguments", "run"]

_CLI = Actor(kind="cli", id="mai-usage statements")
_PAGE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--month", metavar="YYYY-MM", help="of one month, its drafts included")
    parser.add_argument("--client", metavar="ID", help="one organization's id or slug; else all")
    parser.add_argument("--close", action="store_true", help="number and store what can be closed")
    parser.add_argument("--pdf", metavar="FOLDER", help="write each of them there")


def run(args: argparse.Namespace) -> int:
    """0 when everything that was asked for is done, 1 where a statement could not be closed."""
    if args.close and args.month is None:
        raise ConfigurationError("--close needs a --month, such as 2026-01")
    folder = _folder(args.pdf)
    with open_billing(os.environ) as (billing, client_id):
        wanted = StatementFilter(organization_id=client_id(args.client), month=args.month)
        try:
            drafts = list(_drafts(billing, wanted)) if args.month is not None else []
            left = [one for one in drafts if not (args.close and _close(billing, one))]
            closed = list(_closed(billing, wanted))
        except BadInput as error:
            raise ConfigurationError(f"--{error}") from None
        for one in (*closed, *left):
            print(_line(one))
            if folder is not None:
                _write(billing, one, folder)
    return 1 if args.close and left else 0


def _drafts(billing: BillingServices, wanted: StatementFilter) -> Iterator[Statement]:
    if wanted.organization_id is not None and any(_closed(billing, wanted)):
        return
    offset, total = 0, 1
    while offset < total:
        found, total = billing.statements.drafts(wanted, offset=offset, limit=_PAGE)
        yield from found
        offset += _PAGE


def _closed(billing: BillingServices, wanted: StatementFilter) -> Iterator[Statement]:
    offset, total = 0, 1
    while offset < total:
        found, total = billing.statements.page(wanted, offset=offset, limit=_PAGE)
        yield from found
        offset += _PAGE


def _close(billing: BillingServices, draft: Statement) -> bool:
    try:
        billing.statements.close(draft.organization_id, draft.month, actor=_CLI)
    except Conflict as error:
        print(f"mai-usage: {draft.buyer.name}: {error}", file=sys.stderr)
        return False
    return True


def _line(one: Statement) -> str:
    total = "no rate yet" if one.total is None else f"{one.total:f} {one.currency}"
    name = one.number or "draft"
    words = [name, one.month, one.buyer.name, f"{usd_from_pusd(one.net_pusd)} USD", total]
    return "  ".join([*words, *(f"({obstacle})" for obstacle in one.obstacles)])


def _folder(text: str | None) -> Path | None:
    if text is None:
        return None
    if not Path(text).is_dir():
        raise ConfigurationError.of("--pdf", got=text, expected="a folder that is there")
    return Path(text)


def _write(billing: BillingServices, one: Statement, folder: Path) -> None:
    name = one.number or f"draft-{one.month}-{one.organization_id}"
    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}.pdf"
    try:
        path.write_bytes(billing.printer.pdf(one))
    except OSError as error:
        raise ConfigurationError.of(
            "--pdf", got=str(path), expected=f"a file that can be written ({error.strerror})"
        ) from None
