"""What stands in the tables of an export: columns, and how their rows are made.

The names are those of mAI's own reports. Admins see what a call cost and what was earned on it;
everybody else sees one ``cost``, what is billed.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.metering.money import rate_to_decimal
from mai_usage_ext.ports import LedgerEntry
from mai_usage_ext.ports.tables import Column, ColumnKind
from mai_usage_ext.ports.usage import Dimension, UsageLine
from mai_usage_ext.services.export_people import with_people
from mai_usage_ext.services.people import People

__all__ = ["Clients", "grouped_columns", "grouped_rows", "ledger_columns", "ledger_rows"]

Clients = Callable[[str], str]
"""An organization's name by its id."""

_TEXT, _INTEGER, _USD = ColumnKind.TEXT, ColumnKind.INTEGER, ColumnKind.USD


def _column(name: str, kind: ColumnKind, title: str) -> Column:
    return Column(name=name, kind=kind, title=title)


_CLIENT = (
    _column("client_id", _TEXT, "Organization id"),
    _column("client_name", _TEXT, "Organization"),
)
_USER = (
    _column("user_id", _TEXT, "User id"),
    _column("user_name", _TEXT, "User"),
    _column("user_email", _TEXT, "E-mail"),
)
_DATE = _column("date", ColumnKind.DATE, "Date")
_MODEL = _column("model_name", _TEXT, "Model")
_PROVIDER = _column("provider", _TEXT, "Provider")
_PURPOSE = _column("purpose", _TEXT, "Purpose")
_COST = _column("cost", _USD, "Cost (USD)")
_RAW_COST = _column("raw_cost", _USD, "Raw cost (USD)")
_MARKUP_COST = _column("markup_cost", _USD, "Billed (USD)")
_PROFIT = _column("profit", _USD, "Profit (USD)")

_KEYS: dict[Dimension, tuple[Column, ...]] = {
    Dimension.ORGANIZATION: _CLIENT,
    Dimension.DAY: (_DATE,),
    Dimension.WEEK: (_column("week", _TEXT, "Week"),),
    Dimension.MONTH: (_column("month", _TEXT, "Month"),),
    Dimension.USER: _USER,
    Dimension.MODEL: (_MODEL,),
    Dimension.PROVIDER: (_PROVIDER,),
    Dimension.PURPOSE: (_PURPOSE,),
}

_Measure = tuple[Column, Callable[[UsageTally], Any]]
_COUNTS: tuple[_Measure, ...] = (
    (_column("total_requests", _INTEGER, "Requests"), lambda tally: tally.requests),
    (_column("failures", _INTEGER, "Failures"), lambda tally: tally.failures),
    (_column("cancelled", _INTEGER, "Stopped"), lambda tally: tally.cancelled),
    (_column("task_requests", _INTEGER, "Background tasks"), lambda tally: tally.task_requests),
    (_column("total_tokens", _INTEGER, "Tokens"), lambda tally: tally.tokens),
    (_column("prompt_tokens", _INTEGER, "Prompt tokens"), lambda tally: tally.prompt_tokens),
    (
        _column("completion_tokens", _INTEGER, "Completion tokens"),
        lambda tally: tally.completion_tokens,
    ),
    (_column("cached_tokens", _INTEGER, "Cached tokens"), lambda tally: tally.cached_tokens),
    (
        _column("reasoning_tokens", _INTEGER, "Reasoning tokens"),
        lambda tally: tally.reasoning_tokens,
    ),
    (
        _column("mean_first_byte_ms", _INTEGER, "First byte (ms)"),
        lambda tally: tally.mean_first_byte_ms,
    ),
)
_BILLED: tuple[_Measure, ...] = ((_COST, lambda tally: tally.billed_pusd),)
_MONEY: tuple[_Measure, ...] = (
    (_RAW_COST, lambda tally: tally.raw_pusd),
    (_MARKUP_COST, lambda tally: tally.billed_pusd),
    (_PROFIT, lambda tally: tally.profit_pusd),
    (
        _column("profit_margin_percent", ColumnKind.PERCENT, "Margin (%)"),
        lambda tally: tally.margin_percent,
    ),
)

_Detail = tuple[Column, Callable[[LedgerEntry], Any]]
_CALL: tuple[_Detail, ...] = (
    (_DATE, lambda entry: entry.day),
    (_column("at", ColumnKind.INSTANT, "At (UTC)"), lambda entry: entry.at_ms),
    (_column("generation_id", _TEXT, "Generation"), lambda entry: entry.generation_id),
    (_column("sequence", _INTEGER, "Sequence"), lambda entry: entry.sequence),
    (_MODEL, lambda entry: entry.model),
    (_PROVIDER, lambda entry: entry.provider),
    (_PURPOSE, lambda entry: entry.purpose),
    (_column("outcome", _TEXT, "Outcome"), lambda entry: entry.outcome.value),
    (_column("source", _TEXT, "Source"), lambda entry: entry.source.value),
    (
        _column("total_tokens", _INTEGER, "Tokens"),
        lambda entry: entry.prompt_tokens + entry.completion_tokens,
    ),
    (_column("prompt_tokens", _INTEGER, "Prompt tokens"), lambda entry: entry.prompt_tokens),
    (
        _column("completion_tokens", _INTEGER, "Completion tokens"),
        lambda entry: entry.completion_tokens,
    ),
    (_column("cached_tokens", _INTEGER, "Cached tokens"), lambda entry: entry.cached_tokens),
    (
        _column("reasoning_tokens", _INTEGER, "Reasoning tokens"),
        lambda entry: entry.reasoning_tokens,
    ),
    (_column("first_byte_ms", _INTEGER, "First byte (ms)"), lambda entry: entry.first_byte_ms),
    (_column("duration_ms", _INTEGER, "Duration (ms)"), lambda entry: entry.duration_ms),
)
_CALL_BILLED: tuple[_Detail, ...] = ((_COST, lambda entry: entry.billed_pusd),)
_CALL_MONEY: tuple[_Detail, ...] = (
    (_RAW_COST, lambda entry: entry.raw_pusd),
    (_MARKUP_COST, lambda entry: entry.billed_pusd),
    (_PROFIT, lambda entry: entry.billed_pusd - entry.raw_pusd),
    (
        _column("markup_rate", ColumnKind.NUMBER, "Markup rate"),
        lambda entry: rate_to_decimal(entry.rate_micro),
    ),
    (_column("fixed_fee", _USD, "Fixed fee (USD)"), lambda entry: entry.fee_pusd),
    (_column("booked_at", ColumnKind.INSTANT, "Booked at (UTC)"), lambda entry: entry.booked_at_ms),
)


def grouped_columns(group_by: Iterable[Dimension], *, is_admin: bool) -> tuple[Column, ...]:
    keys = [column for one in group_by for column in _KEYS[one]]
    return (*keys, *(column for column, _ in _measures(is_admin=is_admin)))


def grouped_rows(
    lines: Iterable[UsageLine],
    group_by: tuple[Dimension, ...],
    *,
    is_admin: bool,
    clients: Clients,
    people: People,
) -> Iterator[tuple[Any, ...]]:
    """One row for each line. Raises whatever the lines do."""
    values = [value for _, value in _measures(is_admin=is_admin)]
    place = group_by.index(Dimension.USER) if Dimension.USER in group_by else None
    for line, person in with_people(
        lines, people, lambda line: "" if place is None else line.key[place]
    ):
        key: list[Any] = []
        for dimension, text in zip(group_by, line.key, strict=True):
            if dimension is Dimension.ORGANIZATION:
                key += text, clients(text)
            elif dimension is Dimension.USER:
                key += text, person.name, person.email
            else:
                key.append(date.fromisoformat(text) if dimension is Dimension.DAY else text)
        yield (*key, *(value(line.sums) for value in values))


def ledger_columns(*, is_admin: bool) -> tuple[Column, ...]:
    details = (column for column, _ in _details(is_admin=is_admin))
    return (*_CLIENT, *_USER, *details)


def ledger_rows(
    entries: Iterable[LedgerEntry], *, is_admin: bool, clients: Clients, people: People
) -> Iterator[tuple[Any, ...]]:
    """One row for each call. Nothing of what was said in it is stored, so none of it is here."""
    values = [value for _, value in _details(is_admin=is_admin)]
    for entry, person in with_people(entries, people, lambda entry: entry.user_id or ""):
        organization_id = entry.organization_id
        client = organization_id, clients(organization_id)
        who = person.id, person.name, person.email
        yield (*client, *who, *(value(entry) for value in values))


def _measures(*, is_admin: bool) -> tuple[_Measure, ...]:
    return (*_COUNTS, *(_MONEY if is_admin else _BILLED))


def _details(*, is_admin: bool) -> tuple[_Detail, ...]:
    return (*_CALL, *(_CALL_MONEY if is_admin else _CALL_BILLED))
