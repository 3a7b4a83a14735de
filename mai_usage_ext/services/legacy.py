"""Importing what mAI's in-tree prototype had stored, one organization after the other.

Each organization comes over in one transaction, with its members, its days and its generations, or
not at all. What came from where is marked, so a second run finds nothing to do. What is here
already wins over what comes. A rehearsal does the same and rolls every transaction back.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mai_usage_ext.errors import BadInput, ConfigurationError
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import (
    Actor,
    Clock,
    ImportedGeneration,
    ImportedOrganization,
    ImportMark,
    ImportStore,
    LegacyRow,
    LegacySource,
    MemberStore,
    OrganizationStore,
    UnitOfWork,
    UsageKind,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.legacy_people import MAPPINGS, PeopleImport, newest_rows
from mai_usage_ext.services.legacy_report import ImportReport, Result, RowReport
from mai_usage_ext.services.legacy_settings import SettingsImport
from mai_usage_ext.services.legacy_usage import LIVE, UsageImport, row_id
from mai_usage_ext.services.legacy_values import (
    ReadOrganization,
    day_of,
    money_of,
    organization_of,
    own_id,
    text_of,
    whole_of,
)
from mai_usage_ext.services.live_settings import LiveSettings

__all__ = ["LegacyImport", "Progress"]

CLI = Actor(kind="cli", id="import-legacy")
ORGANIZATIONS, GENERATIONS, RATES = (
    "client_organizations",
    "processed_generations",
    "daily_exchange_rates",
)
_OF_ORGANIZATIONS = (MAPPINGS, *(kind.value for kind in UsageKind), LIVE, GENERATIONS)
_KIND = "organization"
_NO_KEY = "without openrouter_api_key"
_STAYS = "exchange rates are not used here; the row stays where it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many of the prototype's organizations are done, the last of them by name."""

    done: int
    total: int
    organization: str


class _Rehearsed(Exception):
    """Takes a rehearsal's transaction back."""


class LegacyImport:
    """``settings`` are those that the prototype's global ones go into, where nothing is set."""

    def __init__(
        self,
        source: LegacySource,
        store: ImportStore,
        *,
        organizations: OrganizationStore,
        members: MemberStore,
        settings: LiveSettings,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._source = source
        self._store = store
        self._organizations = organizations
        self._members = members
        self._settings = settings
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def run(
        self,
        *,
        is_rehearsal: bool,
        sink: Callable[[RowReport], None] = lambda _: None,
        progress: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> ImportReport:
        """Import everything and say what became of each row.

        May be stopped after any organization and run again. Raises ``StorageUnavailable``.
        """
        report = ImportReport(sink=sink)
        now_ms = self._clock.now_ms()
        with self._written(is_rehearsal):
            rows = SettingsImport(self._source, self._settings, actor=CLI).run()
        report.add(rows)
        newest = newest_rows(self._rows(MAPPINGS), now_ms=now_ms)
        total = self._count(ORGANIZATIONS)
        for done, row in enumerate(self._rows(ORGANIZATIONS), start=1):
            if should_stop():
                report.was_interrupted = True
                return report
            self._organization(row, newest, report, now_ms, is_rehearsal=is_rehearsal)
            name = str(row.get("name") or row.get("id"))
            progress(Progress(done=done, total=total, organization=name))
        for table in _OF_ORGANIZATIONS:
            report.add(self._strays(table))
        rates = (_report(RATES, row, Result.SKIPPED, _STAYS) for row in self._rows(RATES))
        report.add(rates)
        return report

    @contextmanager
    def _written(self, is_rehearsal: bool) -> Iterator[None]:
        """One transaction that a rehearsal takes back at its end."""
        try:
            with self._unit_of_work():
                yield
                if is_rehearsal:
                    raise _Rehearsed
        except _Rehearsed:
            pass

    def _organization(
        self,
        row: LegacyRow,
        newest: dict[str, str],
        report: ImportReport,
        now_ms: int,
        *,
        is_rehearsal: bool,
    ) -> None:
        try:
            source_id = text_of(row.get("id"), field="id")
            read = organization_of(row, now_ms=now_ms)
        except BadInput as error:
            report.add([_report(ORGANIZATIONS, row, Result.BROKEN, str(error))])
            report.add(self._orphans(row.get("id"), str(error)))
            return
        with self._written(is_rehearsal):
            organization_id, of_organization = self._make(source_id, read, now_ms)
            people = self._people(source_id, organization_id, newest, now_ms)
            usage = self._usage(source_id, organization_id, now_ms)
            generations, added = self._generations(source_id, organization_id)
            self._record(organization_id, source_id, of_organization, people, usage, added)
        # Only what is committed, or would be, is reported.
        report.add([of_organization, *people.reports, *usage.reports, *generations])
        report.checks += usage.checks

    def _make(self, source_id: str, read: ReadOrganization, now_ms: int) -> tuple[str, RowReport]:
        mark = self._store.mark(_KIND, source_id)
        organization_id = source_id if mark is None else mark.target_id
        if mark is None:
            organization_id = own_id(source_id, is_taken=self._store.has_organization(source_id))
            self._add(organization_id, read, now_ms)
        lacks = list(read.lacks) if mark is None else []
        result = Result.IMPORTED if mark is None else Result.UNCHANGED
        if read.key is not None and (mark is None or _NO_KEY in mark.lacks):
            problem = self._seal(organization_id, read)
            if problem:
                lacks.append(f"{_NO_KEY}: {problem}")
            elif mark is not None:
                result = Result.IMPORTED
        if mark is None or (_NO_KEY in mark.lacks and not lacks):
            kept = "; ".join(lacks)
            made = ImportMark(
                kind=_KIND, source_id=source_id, target_id=organization_id, lacks=kept
            )
            self._store.put_mark(made, now_ms=now_ms)
        why = "; ".join(lacks)
        return organization_id, RowReport(
            table=ORGANIZATIONS,
            id=source_id,
            organization=source_id,
            result=Result.PARTLY if why else result,
            why=why,
        )

    def _add(self, organization_id: str, read: ReadOrganization, now_ms: int) -> None:
        defaults = self._settings.current
        made = ImportedOrganization(
            id=organization_id,
            name=read.name,
            time_zone=read.time_zone or defaults.time_zone,
            billing_currency=defaults.billing_currency,
            rate_micro=read.rate_micro,
            monthly_limit_pusd=read.monthly_limit_pusd,
            billing_email=read.billing_email,
            is_active=read.is_active,
            created_at_ms=now_ms if read.created_at_ms is None else read.created_at_ms,
        )
        self._store.add_organization(made, now_ms=now_ms)

    def _seal(self, organization_id: str, read: ReadOrganization) -> str:
        """Why the key could not be taken over, or nothing."""
        try:
            is_sealed = self._store.seal_key(
                organization_id, read.key or "", key_hash=read.key_hash
            )
        except ConfigurationError as error:
            return f"{error}; run this again with one, or enter the key by hand"
        return "" if is_sealed else "an organization has this key already"

    def _people(
        self, source_id: str, organization_id: str, newest: dict[str, str], now_ms: int
    ) -> PeopleImport:
        people = PeopleImport(
            store=self._store,
            members=self._members,
            source_id=source_id,
            organization_id=organization_id,
            newest=newest,
            now_ms=now_ms,
        )
        people.run(list(self._rows(MAPPINGS, source_id)))
        return people

    def _usage(self, source_id: str, organization_id: str, now_ms: int) -> UsageImport:
        made = self._organizations.get(organization_id, at_ms=now_ms)
        assert made is not None  # noqa: S101 - it was imported, and nothing deletes one
        usage = UsageImport(
            source=self._source,
            store=self._store,
            source_id=source_id,
            organization_id=organization_id,
            today=billing_day(now_ms, made.time_zone),
            now_ms=now_ms,
        )
        usage.run()
        return usage

    def _generations(self, source_id: str, organization_id: str) -> tuple[list[RowReport], int]:
        """Remember what was counted there, so that nobody books it again."""
        reports: list[RowReport] = []
        read: dict[str, ImportedGeneration] = {}
        rows: dict[str, LegacyRow] = {}
        for row in self._rows(GENERATIONS, source_id):
            try:
                one = _generation(row)
            except BadInput as error:
                reports.append(_report(GENERATIONS, row, Result.BROKEN, str(error)))
            else:
                read[one.id], rows[one.id] = one, row
        known = self._store.known_generations(list(read))
        for generation_id, row in rows.items():
            where = known.get(generation_id)
            if where == "ledger":
                why = "the ledger here has it too: it was counted by both"
                reports.append(_report(GENERATIONS, row, Result.CONFLICT, why))
            else:
                result = Result.UNCHANGED if where else Result.IMPORTED
                reports.append(_report(GENERATIONS, row, result))
        new = [one for one in read.values() if one.id not in known]
        self._store.add_generations(organization_id, new)
        return reports, len(new)

    def _record(
        self,
        organization_id: str,
        source_id: str,
        of_organization: RowReport,
        people: PeopleImport,
        usage: UsageImport,
        generations: int,
    ) -> None:
        """Nothing changed is nothing to record."""
        is_new = of_organization.result in (Result.IMPORTED, Result.PARTLY)
        if not (is_new or people.placed or any(usage.written.values()) or generations):
            return
        days = next(check for check in usage.checks if check.kind is UsageKind.DAY)
        self._audit.record(
            actor=CLI,
            action="legacy.imported",
            target_kind="organization",
            target_id=organization_id,
            after={
                "source": source_id,
                "members": people.placed,
                "days": usage.written[UsageKind.DAY.value],
                "user_days": usage.written[UsageKind.USER.value],
                "model_days": usage.written[UsageKind.MODEL.value],
                "generations": generations,
                "raw_cost": usd_from_pusd(days.after.raw_pusd),
                "markup_cost": usd_from_pusd(days.after.billed_pusd),
                "requests": days.after.requests,
            },
        )

    def _orphans(self, source_id: object, why: str) -> Iterator[RowReport]:
        """Rows of an organization that could not come over."""
        if source_id is None:
            return
        for table in _OF_ORGANIZATIONS:
            for row in self._rows(table, source_id):
                yield _report(table, row, Result.BROKEN, f"its organization is broken: {why}")

    def _strays(self, table: str) -> Iterator[RowReport]:
        if table not in self._source.tables():
            return
        for row in self._source.strays(table):
            error = BadInput(
                "client_org_id", got=row.get("client_org_id"), expected="an organization's id"
            )
            yield _report(table, row, Result.BROKEN, str(error))

    def _rows(self, table: str, source_id: object = None) -> Iterable[LegacyRow]:
        if table not in self._source.tables():
            return ()
        return self._source.rows(table, organization_id=source_id)

    def _count(self, table: str) -> int:
        return self._source.count(table) if table in self._source.tables() else 0


def _generation(row: LegacyRow) -> ImportedGeneration:
    """Raises ``BadInput``."""
    cost, tokens = row.get("total_cost"), row.get("total_tokens")
    return ImportedGeneration(
        id=text_of(row.get("id"), field="id"),
        day=day_of(row.get("generation_date"), field="generation_date"),
        cost_pusd=0 if cost is None else money_of(cost, field="total_cost"),
        tokens=0 if tokens is None else whole_of(tokens, field="total_tokens"),
    )


def _report(table: str, row: LegacyRow, result: Result, why: str = "") -> RowReport:
    organization = row.get("id") if table == ORGANIZATIONS else row.get("client_org_id")
    organization = "" if organization is None else str(organization)
    return RowReport(
        table=table,
        id=row_id(row, organization),
        organization=organization,
        result=result,
        why=why,
    )
