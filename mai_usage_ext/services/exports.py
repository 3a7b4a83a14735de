"""Any report as a file: which table is asked for, who may see what of it, and in which format.

What is wrong with a question is said before the first byte: the first row is read while the file is
opened. Rows after it are read while the file is sent, and a failure then must break the download.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Clock, OrganizationRecord, OrganizationStore
from mai_usage_ext.ports.ledger_pages import LedgerPages
from mai_usage_ext.ports.tables import CsvStyle, Table, TableFormat
from mai_usage_ext.ports.usage import Dimension, UsageLines, UsageQuery
from mai_usage_ext.services.export_tables import (
    grouped_columns,
    grouped_rows,
    ledger_columns,
    ledger_rows,
)
from mai_usage_ext.services.focus import (
    FOCUS_COLUMNS,
    FOCUS_GROUPING,
    UNNAMED_ISSUER,
    focus_rows,
)
from mai_usage_ext.services.people import People
from mai_usage_ext.services.usage_ranges import RangeText, range_of

__all__ = ["GROUPED", "REPORTS", "Export", "ExportRequest", "Exports"]

_WHO = Dimension.ORGANIZATION
GROUPED: Mapping[str, tuple[Dimension, ...]] = {
    "daily": (_WHO, Dimension.DAY),
    "monthly": (_WHO, Dimension.MONTH),
    "by-user": (_WHO, Dimension.USER),
    "by-model": (_WHO, Dimension.MODEL, Dimension.PROVIDER),
    "by-purpose": (_WHO, Dimension.PURPOSE),
    "user-model": (_WHO, Dimension.USER, Dimension.MODEL),
}
REPORTS = (*GROUPED, "ledger", "focus")
_DEFAULT_REPORT = "daily"
_DELIMITERS = {"comma": ",", "semicolon": ";"}
_CSV = "csv"
_MOST_GROUPS = 2
# Where a day begins first.
_EARLIEST_ZONE = "Pacific/Kiritimati"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Texts are as they were asked for; without days it is the month so far.

    ``group_by`` names dimensions, separated by commas, in place of a report. ``organization_id`` is
    ``None`` for all of them; ``user_id`` leaves one user's rows. ``is_admin`` shows what it costs
    us.
    """

    is_admin: bool
    report: str | None = None
    group_by: str | None = None
    format: str = _CSV
    days: RangeText = field(default_factory=RangeText)
    organization_id: str | None = None
    user_id: str | None = None
    has_bom: bool = False
    delimiter: str = "comma"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file that is about to be written. ``table`` and ``chunks`` read the same rows, once."""

    file_name: str
    content_type: str
    table: Table
    chunks: Generator[bytes, None, None]


class Exports:
    """``formats`` are by the name they are asked for; ``issuer`` is who invoices the
    clients. What ``open`` gives belongs to the thread that called it."""

    def __init__(
        self,
        lines: UsageLines,
        ledger: LedgerPages,
        *,
        organizations: OrganizationStore,
        people: People,
        formats: Mapping[str, TableFormat],
        clock: Clock,
        issuer: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._lines = lines
        self._ledger = ledger
        self._organizations = organizations
        self._people = people
        self._formats = formats
        self._issuer = issuer
        self._clock = clock

    def open(
        self, wanted: ExportRequest, *, watch: Callable[[Table], Table] = lambda table: table
    ) -> Export:
        """``watch`` may put itself between the rows and the file, to count them.

        Raises ``BadInput``, ``NotFound``, ``StorageUnavailable``; the first chunk may raise
        ``ConfigurationError``.
        """
        form = self._formats.get(wanted.format)
        if form is None:
            raise BadInput("format", got=wanted.format, expected=_one_of(self._formats))
        style = _style(wanted)
        name, group_by = _report(wanted)
        whose = self._whose(wanted.organization_id)
        query = self._query(wanted, whose, group_by)
        table = watch(_begun(self._table(name, query, wanted)))
        slug = "all-organizations" if whose is None else whose.slug
        return Export(
            file_name=f"{slug}_{name}_{query.first}_{query.last}.{form.extension}",
            content_type=form.content_type,
            table=table,
            chunks=form.chunks(table, style),
        )

    def _whose(self, organization_id: str | None) -> OrganizationRecord | None:
        if organization_id is None:
            return None
        found = self._organizations.record(organization_id, at_ms=self._clock.now_ms())
        if found is None:
            raise NotFound(f"there is no organization {organization_id[:80]!r}")
        return found

    def _query(
        self,
        wanted: ExportRequest,
        whose: OrganizationRecord | None,
        group_by: tuple[Dimension, ...],
    ) -> UsageQuery:
        zone = _EARLIEST_ZONE if whose is None else whose.time_zone
        today = billing_day(self._clock.now_ms(), zone)
        first, last = range_of(wanted.days, today=today)
        return UsageQuery(
            first=first,
            last=last,
            organization_id=wanted.organization_id,
            user_id=wanted.user_id,
            group_by=group_by,
        )

    def _table(self, name: str, query: UsageQuery, wanted: ExportRequest) -> Table:
        clients = _Clients(self._organizations, self._clock)
        if name == "ledger":
            return self._ledger_table(query, clients, is_admin=wanted.is_admin)
        lines = self._lines.lines(query)
        if name == "focus":
            rows = focus_rows(
                lines, accounts=clients.account, issuer=self._issuer() or UNNAMED_ISSUER
            )
            return Table(name=name, columns=FOCUS_COLUMNS, rows=rows)
        rows = grouped_rows(
            lines,
            query.group_by,
            is_admin=wanted.is_admin,
            clients=clients.name,
            people=self._people,
        )
        columns = grouped_columns(query.group_by, is_admin=wanted.is_admin)
        return Table(name=name, columns=columns, rows=rows)

    def _ledger_table(self, query: UsageQuery, clients: "_Clients", *, is_admin: bool) -> Table:
        days = self._ledger.days(query)
        # What is booked from here on is not of this file, however long it takes.
        until_ms = self._ledger.newest_ms(query)
        entries = chain.from_iterable(
            self._ledger.entries(day, user_id=query.user_id, until_ms=until_ms) for day in days
        )
        return Table(
            name="ledger",
            columns=ledger_columns(is_admin=is_admin),
            rows=ledger_rows(entries, is_admin=is_admin, clients=clients.name, people=self._people),
            expected_rows=None if query.user_id else sum(day.requests for day in days),
        )


class _Clients:
    """Organizations by their ids, each looked up once."""

    def __init__(self, organizations: OrganizationStore, clock: Clock) -> None:
        self._organizations = organizations
        self._clock = clock
        self._known: dict[str, tuple[str, str, str]] = {}

    def account(self, organization_id: str) -> tuple[str, str, str]:
        """Name, slug and zone."""
        known = self._known.get(organization_id)
        if known is None:
            found = self._organizations.record(organization_id, at_ms=self._clock.now_ms())
            known = ("", "", "UTC") if found is None else (found.name, found.slug, found.time_zone)
            self._known[organization_id] = known
        return known

    def name(self, organization_id: str) -> str:
        return self.account(organization_id)[0]


def _style(wanted: ExportRequest) -> CsvStyle:
    if wanted.delimiter not in _DELIMITERS:
        raise BadInput("delimiter", got=wanted.delimiter, expected=_one_of(_DELIMITERS))
    style = CsvStyle(delimiter=_DELIMITERS[wanted.delimiter], has_bom=wanted.has_bom)
    if wanted.format != _CSV and style != CsvStyle():
        field = "bom" if style.has_bom else "delimiter"
        raise BadInput(field, got=wanted.format, expected=f"the format {_CSV} where {field} is set")
    return style


def _report(wanted: ExportRequest) -> tuple[str, tuple[Dimension, ...]]:
    """The name and what its lines are told apart by."""
    if wanted.group_by is not None:
        if wanted.report is not None:
            raise BadInput("group_by", got=wanted.group_by, expected="a report or a grouping")
        group_by = _grouping(wanted.group_by)
        return "-".join(one.value for one in group_by[1:]), group_by
    report = wanted.report or _DEFAULT_REPORT
    if report not in REPORTS:
        raise BadInput("report", got=report, expected=_one_of(REPORTS))
    return report, FOCUS_GROUPING if report == "focus" else GROUPED.get(report, ())


def _grouping(text: str) -> tuple[Dimension, ...]:
    names = [name.strip() for name in text.split(",")]
    choices = [one.value for one in Dimension if one is not _WHO]
    is_known = all(name in choices for name in names)
    if not is_known or len(names) > _MOST_GROUPS or len(set(names)) < len(names):
        expected = f"one or two different ones of {', '.join(choices)}, separated by a comma"
        raise BadInput("group_by", got=text, expected=expected)
    return (_WHO, *map(Dimension, names))


def _begun(table: Table) -> Table:
    """The same table with its first row read already."""
    first: list[tuple[Any, ...]] = list(islice(table.rows, 1))
    return replace(table, rows=chain(first, table.rows))


def _one_of(choices: Any) -> str:
    return f"one of {', '.join(choices)}"
