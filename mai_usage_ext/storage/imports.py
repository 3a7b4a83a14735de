"""Writing what was imported: organizations, sealed days, and marks of what came from where."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from peewee import EXCLUDED, Case, Database, fn

from mai_usage_ext.ports import (
    ImportedGeneration,
    ImportedOrganization,
    ImportedUsage,
    ImportMark,
    KeyState,
    UsageKind,
    UsageSums,
    Vault,
)
from mai_usage_ext.storage import models
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.keys import bound_to
from mai_usage_ext.storage.models import (
    CELL_SUMS,
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    ClientMonthTotal,
    ClientOrganization,
    ClientUserDailyUsage,
    PricingRule,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.organizations import slug_of
from mai_usage_ext.storage.partitions import with_months
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["ImportRows"]

# SQLite takes a bounded number of parameters in one statement.
_MOST_ROWS = 40
_MOST_IDS = 500
_IMPORTED = "imported"
_SUMS = ("requests", "prompt_tokens", "raw_pusd", "billed_pusd")
_TABLES: Mapping[UsageKind, Any] = {
    UsageKind.DAY: ClientDailyUsage,
    UsageKind.USER: ClientUserDailyUsage,
    UsageKind.MODEL: ClientModelDailyUsage,
}
_KEYS: Mapping[UsageKind, tuple[str, ...]] = {
    UsageKind.DAY: ("day",),
    UsageKind.USER: ("day", "user_id"),
    UsageKind.MODEL: ("day", "model", "provider"),
}
_BESIDES: Mapping[UsageKind, tuple[str, ...]] = {
    UsageKind.DAY: ("distinct_users", "distinct_models"),
    UsageKind.USER: ("openrouter_user_id",),
    UsageKind.MODEL: (),
}


class ImportRows:
    """Implements ``ports.ImportStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    def mark(self, kind: str, source_id: str) -> ImportMark | None:
        mark = models.ImportMark
        query = mark.select().where((mark.kind == kind) & (mark.source_id == source_id))
        with session(self._db):
            row = query.bind(self._db).first()
        if row is None:
            return None
        return ImportMark(kind=kind, source_id=source_id, target_id=row.target_id, lacks=row.lacks)

    def put_mark(self, mark: ImportMark, *, now_ms: int) -> None:
        table = models.ImportMark
        query = table.insert(
            kind=mark.kind,
            source_id=mark.source_id,
            target_id=mark.target_id,
            lacks=mark.lacks,
            imported_at_ms=now_ms,
        ).on_conflict(
            conflict_target=[table.kind, table.source_id], update={table.lacks: EXCLUDED.lacks}
        )
        with transaction(self._db):
            write(self._db, query)

    def has_organization(self, organization_id: str) -> bool:
        return self._exists(ClientOrganization.id == organization_id)

    def add_organization(self, organization: ImportedOrganization, *, now_ms: int) -> None:
        with transaction(self._db):
            query = ClientOrganization.insert(
                id=organization.id,
                name=organization.name,
                slug=self._free_slug(organization.name),
                status="active" if organization.is_active else "deactivated",
                deactivated_at_ms=None if organization.is_active else now_ms,
                timezone=organization.time_zone,
                billing_currency=organization.billing_currency,
                monthly_limit_pusd=organization.monthly_limit_pusd,
                billing_email=organization.billing_email,
                created_at_ms=organization.created_at_ms,
                updated_at_ms=now_ms,
            )
            write(self._db, query)
            price = PricingRule.insert(
                organization_id=organization.id,
                effective_from_ms=now_ms,
                rate_micro=organization.rate_micro,
                fee_pusd=0,
                created_at_ms=now_ms,
            )
            write(self._db, price)

    def seal_key(self, organization_id: str, secret: str, *, key_hash: str) -> bool:
        sealed = self._vault.seal(secret, bound_to=bound_to(organization_id))
        organization = ClientOrganization
        with transaction(self._db):
            if self._exists(
                (organization.openrouter_key_hash == key_hash)
                | (organization.openrouter_retiring_hash == key_hash)
            ):
                return False
            for status, state in (
                ("active", KeyState.ACTIVE),
                ("deactivated", KeyState.DISABLED),
            ):
                query = organization.update(
                    openrouter_key_ciphertext=sealed,
                    openrouter_key_hash=key_hash,
                    openrouter_key_label=f"{secret[:12]}...{secret[-3:]}",
                    openrouter_key_state=state.value,
                ).where(
                    (organization.id == organization_id)
                    & (organization.status == status)
                    & (organization.openrouter_key_state == KeyState.NONE.value)
                    & organization.openrouter_key_hash.is_null()
                )
                if write(self._db, query):
                    return True
        return False

    def own_days(self, organization_id: str) -> set[date]:
        day = ClientDailyUsage
        # What is not imported, and what an entry of ours has been added to since.
        is_ours = (day.source != _IMPORTED) | day.first_at_ms.is_null(is_null=False)
        queries: tuple[Any, ...] = (
            # Holds come first: one that is closed by the time the ledger is read has its entry
            # there, or cost nothing.
            _days(UsageHold, organization_id).where(UsageHold.closed_at_ms.is_null()),
            _days(UsageLedger, organization_id),
            _days(ClientLiveCounter, organization_id),
            _days(ClientDailyUsage, organization_id).where(is_ours),
        )
        with session(self._db):
            return {_date(day) for query in queries for (day,) in query.bind(self._db).tuples()}

    def imported(
        self, kind: UsageKind, organization_id: str
    ) -> Mapping[tuple[date, str, str, str], ImportedUsage]:
        table = _TABLES[kind]
        names = (*_KEYS[kind], *_BESIDES[kind])
        columns = [getattr(table, name) for name in (*names, *_SUMS)]
        query: Any = table.select(*columns).where(self._is_imported(table, organization_id))
        found = {}
        with session(self._db):
            for row in query.bind(self._db).tuples():
                fields = dict(zip(names, row, strict=False))
                usage = ImportedUsage(
                    **{**fields, "day": _date(fields["day"])}, sums=_sums(row[len(names) :])
                )
                found[usage.key] = usage
        return found

    def put_usage(
        self, kind: UsageKind, organization_id: str, usage: Sequence[ImportedUsage], *, now_ms: int
    ) -> None:
        table = _TABLES[kind]
        key = [table.organization_id, *(getattr(table, name) for name in _KEYS[kind])]
        replaced = (*_BESIDES[kind], *_SUMS, "sealed_at_ms")
        update = {getattr(table, name): getattr(EXCLUDED, name) for name in replaced}

        def put() -> None:
            with transaction(self._db):
                for some in _chunks(usage, _MOST_ROWS):
                    rows = [_columns(kind, organization_id, one, now_ms) for one in some]
                    query = table.insert_many(rows).on_conflict(conflict_target=key, update=update)
                    write(self._db, query)

        with_months(self._db, put)

    def add_to_month(
        self, organization_id: str, month: str, pusd: int, *, sealed_through: date
    ) -> None:
        total: Any = ClientMonthTotal
        is_later = total.sealed_through.is_null() | (total.sealed_through < EXCLUDED.sealed_through)
        query = total.insert(
            organization_id=organization_id,
            month=month,
            user_id=ORGANIZATION,
            spent_pusd=pusd,
            held_pusd=0,
            sealed_through=sealed_through,
        ).on_conflict(
            conflict_target=[total.organization_id, total.month, total.user_id],
            update={
                total.spent_pusd: total.spent_pusd + EXCLUDED.spent_pusd,
                total.sealed_through: Case(
                    None, [(is_later, EXCLUDED.sealed_through)], total.sealed_through
                ),
            },
        )
        with transaction(self._db):
            write(self._db, query)

    def sums(self, kind: UsageKind, organization_id: str) -> UsageSums:
        table = _TABLES[kind]
        columns = [fn.COALESCE(fn.SUM(getattr(table, name)), 0) for name in _SUMS]
        query: Any = table.select(*columns).where(self._is_imported(table, organization_id))
        with session(self._db):
            return _sums(query.tuples().bind(self._db).get())

    def known_generations(self, generation_ids: Sequence[str]) -> Mapping[str, str]:
        known: dict[str, str] = {}
        tables: tuple[tuple[str, Any], ...] = (
            (_IMPORTED, models.ImportedGeneration),
            ("ledger", UsageLedger),
        )
        with session(self._db):
            for where, table in tables:
                for some in _chunks(generation_ids, _MOST_IDS):
                    query = table.select(table.generation_id).where(
                        table.generation_id.in_(list(some))
                    )
                    known |= {row[0]: where for row in query.tuples().bind(self._db)}
        return known

    def add_generations(
        self, organization_id: str, generations: Sequence[ImportedGeneration]
    ) -> None:
        with transaction(self._db):
            for some in _chunks(generations, _MOST_ROWS):
                rows = [
                    {
                        "generation_id": one.id,
                        "organization_id": organization_id,
                        "day": one.day,
                        "cost_pusd": one.cost_pusd,
                        "tokens": one.tokens,
                    }
                    for one in some
                ]
                write(self._db, models.ImportedGeneration.insert_many(rows))

    def _is_imported(self, table: Any, organization_id: str) -> Any:
        """Rows of imported days that no entry of ours has been added to."""
        day = ClientDailyUsage.alias()
        untouched: Any = day.select(day.day).where(
            (day.organization_id == organization_id)
            & (day.source == _IMPORTED)
            & day.first_at_ms.is_null()
        )
        return (table.organization_id == organization_id) & table.day.in_(untouched)

    def _free_slug(self, name: str) -> str:
        stem = slug_of(name)
        numbered = (stem, *(f"{stem}-{number}" for number in range(2, 1_000)))
        for slug in numbered:
            if not self._exists(ClientOrganization.slug == slug):
                return slug
        return f"{stem}-{uuid.uuid4().hex[:8]}"

    def _exists(self, condition: Any) -> bool:
        query = ClientOrganization.select(ClientOrganization.id).where(condition)
        with session(self._db):
            return query.bind(self._db).tuples().first() is not None


def _days(table: Any, organization_id: str) -> Any:
    return table.select(table.day).where(table.organization_id == organization_id).distinct()


def _columns(
    kind: UsageKind, organization_id: str, usage: ImportedUsage, now_ms: int
) -> dict[str, Any]:
    columns: dict[str, Any] = dict.fromkeys(CELL_SUMS, 0)
    columns |= {
        "organization_id": organization_id,
        "requests": usage.sums.requests,
        # Which tokens were the prompt's nobody knows any more; all of them together stand here.
        "prompt_tokens": usage.sums.tokens,
        "raw_pusd": usage.sums.raw_pusd,
        "billed_pusd": usage.sums.billed_pusd,
        "sealed_at_ms": now_ms,
    }
    columns |= {name: getattr(usage, name) for name in (*_KEYS[kind], *_BESIDES[kind])}
    if kind is UsageKind.DAY:
        columns |= {"task_requests": 0, "task_billed_pusd": 0, "source": _IMPORTED}
    return columns


def _sums(values: Sequence[Any]) -> UsageSums:
    requests, tokens, raw_pusd, billed_pusd = map(int, values)
    return UsageSums(requests=requests, tokens=tokens, raw_pusd=raw_pusd, billed_pusd=billed_pusd)


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)


def _chunks(values: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), most):
        yield values[start : start + most]
