"""Client organizations: what a call needs of one, and what an admin sees and changes."""

import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import Database, IntegrityError, fn

from mai_usage_ext.errors import Conflict
from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.metering.pricing import PriceRule, price_of
from mai_usage_ext.ports import (
    DEFAULT_ID,
    UNASSIGNED,
    Membership,
    NoVault,
    Organization,
    OrganizationQuery,
    OrganizationRecord,
    Role,
    Vault,
)
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.contacts import read_contacts, write_contacts
from mai_usage_ext.storage.keys import key_of, key_record_of
from mai_usage_ext.storage.members import holds_at
from mai_usage_ext.storage.models import (
    ClientMonthTotal,
    ClientOrganization,
    PricingRule,
    UserClientMapping,
)
from mai_usage_ext.storage.pricing import rule_of
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["OrganizationRows", "narrowed", "slug_of", "zone_at"]

_UNASSIGNED_NAME = "Unassigned"
_LONGEST_SLUG = 60
_SORTS = {
    "name": fn.LOWER(ClientOrganization.name),
    "slug": ClientOrganization.slug,
    "status": ClientOrganization.status,
    "created_at": ClientOrganization.created_at_ms,
    "updated_at": ClientOrganization.updated_at_ms,
    # No limit is the highest one.
    "monthly_limit": fn.COALESCE(ClientOrganization.monthly_limit_pusd, 2**62),
    "timezone": ClientOrganization.timezone,
}


def slug_of(name: str) -> str:
    """A name in lower-case ASCII letters, digits and hyphens, for a URL."""
    # The stroke of these letters is no accent that normalizing would take off.
    ascii_name = name.translate(str.maketrans("łŁøØđĐ", "lLoOdD")).replace("ß", "ss")
    ascii_name = unicodedata.normalize("NFKD", ascii_name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")
    return slug[:_LONGEST_SLUG].strip("-") or "organization"


class OrganizationRows:
    """Implements ``ports.OrganizationStore``. Raises ``StorageUnavailable``.

    ``vault`` opens the organizations' keys, for the calls that carry them.
    """

    def __init__(self, db: Database, *, vault: Vault | None = None) -> None:
        self._db = db
        self._vault = vault or NoVault()

    def ensure_builtin(
        self,
        *,
        default_name: str | None,
        time_zone: str,
        rate_micro: int,
        billing_currency: str,
        now_ms: int,
    ) -> str | None:
        wanted = [(UNASSIGNED, _UNASSIGNED_NAME)]
        if default_name is not None:
            wanted.append((DEFAULT_ID, default_name))
        with transaction(self._db):
            for organization_id, name in wanted:
                self._insert(
                    organization_id,
                    name=name,
                    timezone=time_zone,
                    rate_micro=rate_micro,
                    billing_currency=billing_currency,
                    now_ms=now_ms,
                    # Built-in ones have had their price ever since.
                    price_from_ms=0,
                )
        return None if default_name is None else DEFAULT_ID

    def create(
        self,
        *,
        name: str,
        time_zone: str,
        rate_micro: int,
        billing_currency: str,
        now_ms: int,
        slug: str | None = None,
        **columns: Any,
    ) -> Organization:
        organization_id = uuid.uuid4().hex
        with transaction(self._db):
            if slug is not None and self.slug_is_taken(slug):
                raise _taken(slug)
            self._insert(
                organization_id,
                name=name,
                slug=slug,
                timezone=time_zone,
                rate_micro=rate_micro,
                billing_currency=billing_currency,
                now_ms=now_ms,
                price_from_ms=now_ms,
                **_stored(columns),
            )
            made = self.get(organization_id, at_ms=now_ms)
        assert made is not None  # noqa: S101 - it was inserted in this transaction
        return made

    def get(self, organization_id: str, *, at_ms: int) -> Organization | None:
        query = ClientOrganization.select().where(ClientOrganization.id == organization_id)
        with session(self._db):
            row = query.bind(self._db).first()
            return None if row is None else self._organization(row, at_ms)

    def record(self, organization_id: str, *, at_ms: int) -> OrganizationRecord | None:
        query = ClientOrganization.select().where(ClientOrganization.id == organization_id)
        with session(self._db):
            rows = list(query.bind(self._db))
            return next(iter(self._records(rows, at_ms)), None)

    def records(
        self, wanted: OrganizationQuery, *, at_ms: int
    ) -> tuple[Sequence[OrganizationRecord], int]:
        query = narrowed(ClientOrganization.select(), wanted)
        order = _SORTS[wanted.sort]
        # The id makes pages stable where names repeat.
        page = query.order_by(
            order.desc() if wanted.is_descending else order, ClientOrganization.id
        )
        page = page.limit(wanted.limit).offset(wanted.offset)
        with session(self._db):
            total = query.bind(self._db).count()
            return self._records(list(page.bind(self._db)), at_ms), int(total)

    def change(
        self, organization_id: str, changes: Mapping[str, Any], *, version: int, now_ms: int
    ) -> bool:
        is_unchanged = (ClientOrganization.id == organization_id) & (
            ClientOrganization.version == version
        )
        columns = _stored(changes)
        query = ClientOrganization.update(
            **columns, version=ClientOrganization.version + 1, updated_at_ms=now_ms
        ).where(is_unchanged)
        try:
            with transaction(self._db):
                return write(self._db, query) == 1
        except IntegrityError:
            # Nothing else of what may be changed has to be unique.
            raise _taken(str(columns.get("slug"))) from None

    def slug_is_taken(self, slug: str) -> bool:
        with session(self._db):
            return self._exists(ClientOrganization.slug == slug)

    def membership(self, user_id: str, *, at_ms: int) -> Membership | None:
        query = UserClientMapping.select().where(
            (UserClientMapping.user_id == user_id) & holds_at(at_ms)
        )
        with session(self._db):
            row = query.bind(self._db).first()
        if row is None:
            return None
        return Membership(
            organization_id=row.organization_id,
            user_id=row.user_id,
            role=Role(row.role),
            openrouter_user_id=row.openrouter_user_id,
            monthly_limit_pusd=row.monthly_limit_pusd,
        )

    def _organization(self, row: ClientOrganization, at_ms: int) -> Organization:
        rules = self._rules([row.id])[row.id]
        price = _base_price(rules, at_ms)
        return Organization(
            id=row.id,
            name=row.name,
            slug=row.slug,
            time_zone=zone_at(row, at_ms),
            billing_currency=row.billing_currency,
            is_active=row.status == "active",
            rate_micro=price.rate_micro,
            fee_pusd=price.fee_pusd,
            monthly_limit_pusd=row.monthly_limit_pusd,
            on_limit=row.on_limit,
            on_meter_failure=row.on_meter_failure,
            rules=rules,
            key=key_of(row, self._vault),
        )

    def _records(self, rows: list[ClientOrganization], at_ms: int) -> list[OrganizationRecord]:
        ids = [row.id for row in rows]
        rules, members = self._rules(ids), self._members(ids, at_ms)
        months = {row.id: month_of(billing_day(at_ms, zone_at(row, at_ms))) for row in rows}
        money = self._money(ids, set(months.values()))
        return [
            self._record(row, at_ms, rules[row.id], members.get(row.id, 0), months[row.id], money)
            for row in rows
        ]

    def _record(
        self,
        row: ClientOrganization,
        at_ms: int,
        rules: Sequence[PriceRule],
        members: int,
        month: str,
        money: Mapping[tuple[str, str], tuple[int, int]],
    ) -> OrganizationRecord:
        price = _base_price(rules, at_ms)
        spent, held = money.get((row.id, month), (0, 0))
        waits = row.next_timezone_from_ms is not None and row.next_timezone_from_ms > at_ms
        return OrganizationRecord(
            id=row.id,
            name=row.name,
            slug=row.slug,
            status=row.status,
            time_zone=zone_at(row, at_ms),
            next_time_zone=row.next_timezone if waits else None,
            next_time_zone_from_ms=row.next_timezone_from_ms if waits else None,
            billing_currency=row.billing_currency,
            monthly_limit_pusd=row.monthly_limit_pusd,
            on_limit=row.on_limit,
            on_meter_failure=row.on_meter_failure,
            billing_email=row.billing_email,
            contacts=read_contacts(row.contacts),
            notes=row.notes,
            created_at_ms=row.created_at_ms,
            updated_at_ms=row.updated_at_ms,
            deactivated_at_ms=row.deactivated_at_ms,
            version=row.version,
            rate_micro=price.rate_micro,
            fee_pusd=price.fee_pusd,
            key=key_record_of(row, self._vault),
            members=members,
            spent_pusd=spent,
            held_pusd=held,
            month=month,
        )

    def _rules(self, organization_ids: Sequence[str]) -> dict[str, tuple[PriceRule, ...]]:
        """The rules that may apply to each organization: its own and everybody's."""
        if not organization_ids:
            return {}
        is_theirs = PricingRule.organization_id.in_(organization_ids)
        query = PricingRule.select().where(is_theirs | PricingRule.organization_id.is_null())
        rules = [rule_of(row) for row in query.order_by(PricingRule.id).bind(self._db)]
        return {
            organization_id: tuple(
                rule for rule in rules if rule.organization_id in (None, organization_id)
            )
            for organization_id in organization_ids
        }

    def _members(self, organization_ids: Sequence[str], at_ms: int) -> dict[str, int]:
        if not organization_ids:
            return {}
        mapping = UserClientMapping
        query: Any = mapping.select(mapping.organization_id, fn.COUNT(mapping.user_id)).where(
            mapping.organization_id.in_(organization_ids) & holds_at(at_ms)
        )
        return dict(query.group_by(mapping.organization_id).tuples().bind(self._db))

    def _money(
        self, organization_ids: Sequence[str], months: Iterable[str]
    ) -> dict[tuple[str, str], tuple[int, int]]:
        if not organization_ids:
            return {}
        total = ClientMonthTotal
        query = total.select().where(
            total.organization_id.in_(organization_ids)
            & total.month.in_(list(months))
            & (total.user_id == ORGANIZATION)
        )
        return {
            (row.organization_id, row.month): (row.spent_pusd, row.held_pusd)
            for row in query.bind(self._db)
        }

    def _insert(
        self,
        organization_id: str,
        *,
        name: str,
        rate_micro: int,
        now_ms: int,
        price_from_ms: int,
        slug: str | None = None,
        **columns: Any,
    ) -> None:
        """Insert an organization and its price, unless it is there."""
        stem = slug = slug or slug_of(name)
        number = 1
        while not self._exists(ClientOrganization.id == organization_id):
            query = ClientOrganization.insert(
                id=organization_id,
                name=name,
                slug=slug,
                created_at_ms=now_ms,
                updated_at_ms=now_ms,
                **columns,
            )
            # Another process's row is left as it is.
            if write(self._db, query.on_conflict(action="IGNORE")):
                self._insert_price(organization_id, rate_micro, price_from_ms, now_ms)
                return
            while self._exists(ClientOrganization.slug == slug):
                number += 1
                slug = f"{stem}-{number}"

    def _exists(self, condition: Any) -> bool:
        query = ClientOrganization.select(ClientOrganization.id).where(condition)
        return query.bind(self._db).tuples().first() is not None

    def _insert_price(
        self, organization_id: str, rate_micro: int, from_ms: int, now_ms: int
    ) -> None:
        query = PricingRule.insert(
            organization_id=organization_id,
            effective_from_ms=from_ms,
            rate_micro=rate_micro,
            fee_pusd=0,
            created_at_ms=now_ms,
        )
        write(self._db, query)


def narrowed(query: Any, wanted: OrganizationQuery) -> Any:
    """A selection of organizations without those that are not asked for."""
    organization = ClientOrganization
    if wanted.search:
        is_found = organization.name.contains(wanted.search)
        is_found |= organization.slug.contains(wanted.search)
        query = query.where(is_found | organization.billing_email.contains(wanted.search))
    if wanted.status is not None:
        query = query.where(organization.status == wanted.status)
    if wanted.ids is not None:
        query = query.where(organization.id.in_(list(wanted.ids)))
    return query


def zone_at(row: ClientOrganization, at_ms: int) -> str:
    """The zone in force: a change waits for the end of a day."""
    if row.next_timezone_from_ms is not None and row.next_timezone_from_ms <= at_ms:
        return str(row.next_timezone)
    return row.timezone


def _stored(columns: Mapping[str, Any]) -> dict[str, Any]:
    stored = dict(columns)
    if "contacts" in stored:
        stored["contacts"] = write_contacts(stored["contacts"])
    return stored


def _base_price(rules: Sequence[PriceRule], at_ms: int) -> Any:
    """The price of a model that no pattern names."""
    return price_of((rule for rule in rules if rule.model_pattern is None), "", at_ms=at_ms)


def _taken(slug: str) -> Conflict:
    return Conflict(f"slug {slug!r} belongs to another organization", field="slug")
