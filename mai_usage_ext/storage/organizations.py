"""Organizations, their members and their prices."""

import re
import unicodedata
import uuid
from typing import Any

from peewee import Database, IntegrityError

from mai_usage_ext.errors import NotFound
from mai_usage_ext.metering.money import RATE_ONE
from mai_usage_ext.ports import UNASSIGNED, Membership, Organization, Role
from mai_usage_ext.storage.models import ClientOrganization, PricingRule, UserClientMapping
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["DEFAULT_ID", "OrganizationRows", "slug_of"]

DEFAULT_ID = "default"
_UNASSIGNED_NAME = "Unassigned"
_LONGEST_SLUG = 60


def slug_of(name: str) -> str:
    """A name in lower-case ASCII letters, digits and hyphens, for a URL."""
    # The stroke of these letters is no accent that normalizing would take off.
    ascii_name = name.translate(str.maketrans("łŁøØđĐ", "lLoOdD")).replace("ß", "ss")
    ascii_name = unicodedata.normalize("NFKD", ascii_name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")
    return slug[:_LONGEST_SLUG].strip("-") or "organization"


class OrganizationRows:
    """Implements ``ports.OrganizationStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

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
                    time_zone=time_zone,
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
        monthly_limit_pusd: int | None = None,
    ) -> Organization:
        organization_id = uuid.uuid4().hex
        with transaction(self._db):
            self._insert(
                organization_id,
                name=name,
                time_zone=time_zone,
                rate_micro=rate_micro,
                billing_currency=billing_currency,
                now_ms=now_ms,
                price_from_ms=now_ms,
                monthly_limit_pusd=monthly_limit_pusd,
            )
            made = self._get(organization_id, at_ms=now_ms)
        assert made is not None  # noqa: S101 - it was inserted in this transaction
        return made

    def get(self, organization_id: str, *, at_ms: int) -> Organization | None:
        with session(self._db):
            return self._get(organization_id, at_ms=at_ms)

    def membership(self, user_id: str, *, at_ms: int) -> Membership | None:
        holds_then = (
            (UserClientMapping.user_id == user_id)
            & (UserClientMapping.valid_from_ms <= at_ms)
            & (UserClientMapping.valid_to_ms.is_null() | (UserClientMapping.valid_to_ms > at_ms))
        )
        with session(self._db):
            row = UserClientMapping.select().where(holds_then).bind(self._db).first()
        return None if row is None else _membership(row)

    def assign(self, *, user_id: str, organization_id: str, role: Role, now_ms: int) -> Membership:
        """Raises ``NotFound`` when there is no such organization."""
        while True:
            try:
                with transaction(self._db):
                    return self._assign(user_id, organization_id, role, now_ms)
            except IntegrityError:
                # Somebody assigned the same user at once; or there is nothing to assign to.
                if self.get(organization_id, at_ms=now_ms) is None:
                    raise NotFound(f"there is no organization {organization_id!r}") from None

    def _assign(self, user_id: str, organization_id: str, role: Role, now_ms: int) -> Membership:
        current = UserClientMapping.select().where(
            (UserClientMapping.user_id == user_id) & UserClientMapping.valid_to_ms.is_null()
        )
        if self._db.for_update:
            current = current.for_update()
        row = current.bind(self._db).first()
        if row is not None:
            if (row.organization_id, row.role) == (organization_id, role.value):
                return _membership(row)
            if row.valid_from_ms >= now_ms:
                return self._correct(row, organization_id, role)
            self._end(row, now_ms)
        made = UserClientMapping(
            user_id=user_id,
            valid_from_ms=now_ms,
            organization_id=organization_id,
            role=role.value,
            openrouter_user_id=None if row is None else row.openrouter_user_id,
            created_at_ms=now_ms,
        )
        write(self._db, UserClientMapping.insert(**made.__data__))
        return _membership(made)

    def _correct(self, row: UserClientMapping, organization_id: str, role: Role) -> Membership:
        """Two moves within one millisecond: the first never took effect."""
        row.organization_id, row.role = organization_id, role.value
        change = UserClientMapping.update(organization_id=organization_id, role=role.value)
        write(self._db, change.where(_is_row(row)))
        return _membership(row)

    def _end(self, row: UserClientMapping, now_ms: int) -> None:
        write(self._db, UserClientMapping.update(valid_to_ms=now_ms).where(_is_row(row)))

    def _get(self, organization_id: str, *, at_ms: int) -> Organization | None:
        query = ClientOrganization.select().where(ClientOrganization.id == organization_id)
        row = query.bind(self._db).first()
        if row is None:
            return None
        rate_micro, fee_pusd = self._price(organization_id, at_ms)
        return Organization(
            id=row.id,
            name=row.name,
            slug=row.slug,
            time_zone=row.timezone,
            billing_currency=row.billing_currency,
            is_active=row.status == "active",
            rate_micro=rate_micro,
            fee_pusd=fee_pusd,
            monthly_limit_pusd=row.monthly_limit_pusd,
            on_meter_failure=row.on_meter_failure,
        )

    def _price(self, organization_id: str, at_ms: int) -> tuple[int, int]:
        """Rate and fee: the organization's own rule wins over everybody's, a later one over an
        earlier one. Without any rule the raw cost is billed."""
        rule = PricingRule
        is_theirs = (rule.organization_id == organization_id) | rule.organization_id.is_null()
        query = (
            rule.select(rule.rate_micro, rule.fee_pusd)
            .where(is_theirs & rule.model_pattern.is_null() & (rule.effective_from_ms <= at_ms))
            .order_by(rule.organization_id.is_null(), rule.effective_from_ms.desc())
            .limit(1)
        )
        row = query.bind(self._db).tuples().first()
        return (RATE_ONE, 0) if row is None else (row[0], row[1])

    def _insert(
        self,
        organization_id: str,
        *,
        name: str,
        rate_micro: int,
        time_zone: str,
        now_ms: int,
        price_from_ms: int,
        **columns: Any,
    ) -> None:
        """Insert an organization and its price, unless it is there."""
        stem = slug = slug_of(name)
        number = 1
        while not self._exists(ClientOrganization.id == organization_id):
            query = ClientOrganization.insert(
                id=organization_id,
                name=name,
                slug=slug,
                timezone=time_zone,
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


def _is_row(row: UserClientMapping) -> Any:
    return (UserClientMapping.user_id == row.user_id) & (
        UserClientMapping.valid_from_ms == row.valid_from_ms
    )


def _membership(row: UserClientMapping) -> Membership:
    return Membership(
        organization_id=row.organization_id,
        user_id=row.user_id,
        role=Role(row.role),
        openrouter_user_id=row.openrouter_user_id,
    )
