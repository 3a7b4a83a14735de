"""The key columns of the organizations."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from peewee import Database, IntegrityError, fn

from mai_usage_ext.errors import Conflict
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.metering.money import RATE_ONE
from mai_usage_ext.metering.pricing import PriceRule
from mai_usage_ext.ports import KeyFacts, KeyRecord, KeyState, OrganizationKey, Vault
from mai_usage_ext.storage.models import (
    ClientMonthTotal,
    ClientOrganization,
    PricingRule,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.pricing import rule_of
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["KeyRows", "bound_to", "key_of", "key_record_of"]

# A call that was under way when a window began was made this long before at most.
_LONGEST_CALL_MS = 3_600_000
# SQLite takes a thousand parameters in a statement for certain.
_MOST_AT_ONCE = 500
_READABLE = (KeyState.ACTIVE, KeyState.DISABLED)


def bound_to(organization_id: str) -> str:
    """The row that an organization's sealed key belongs to."""
    return f"client_organizations/{organization_id}/openrouter_key"


def key_of(row: Any, vault: Vault) -> OrganizationKey:
    """What an organization's calls carry, from its row. One decryption, a few microseconds."""
    state = KeyState(row.openrouter_key_state)
    if state not in _READABLE:
        return OrganizationKey(state=state)
    secret = _opened(row, vault)
    if secret is None:
        return OrganizationKey(state=KeyState.UNREADABLE)
    if state is not KeyState.ACTIVE:
        return OrganizationKey(state=state)
    return OrganizationKey(state=state, secret=secret, hash=row.openrouter_key_hash)


def key_record_of(row: Any, vault: Vault) -> KeyRecord:
    """What an admin sees of an organization's key, from its row."""
    return KeyRecord(
        state=key_of(row, vault).state,
        hash=row.openrouter_key_hash,
        label=row.openrouter_key_label,
        problem=row.openrouter_key_problem,
        checked_at_ms=row.openrouter_key_checked_at_ms,
        pending_name=row.openrouter_pending_name,
        pending_at_ms=row.openrouter_pending_at_ms,
        retiring_hash=row.openrouter_retiring_hash,
        retire_at_ms=row.openrouter_retire_at_ms,
    )


class KeyRows:
    """Implements ``ports.KeyStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    def facts(self, organization_id: str) -> KeyFacts | None:
        with session(self._db):
            rows = self._select(ClientOrganization.id == organization_id)
            return next(iter(self._facts(rows)), None)

    def all_facts(self) -> list[KeyFacts]:
        organization = ClientOrganization
        has_key = (
            (organization.openrouter_key_state != KeyState.NONE.value)
            | organization.openrouter_key_hash.is_null(is_null=False)
            | organization.openrouter_pending_name.is_null(is_null=False)
            | organization.openrouter_retiring_hash.is_null(is_null=False)
        )
        with session(self._db):
            return self._facts(self._select(has_key))

    def secret(self, organization_id: str) -> str | None:
        with session(self._db):
            rows = self._select(ClientOrganization.id == organization_id)
        return _opened(rows[0], self._vault) if rows else None

    def can_seal(self) -> None:
        self._vault.seal("", bound_to="nothing")

    def holder_of(self, key_hash: str) -> str | None:
        is_held = (ClientOrganization.openrouter_key_hash == key_hash) | (
            ClientOrganization.openrouter_retiring_hash == key_hash
        )
        query = ClientOrganization.select(ClientOrganization.id).where(is_held)
        with session(self._db):
            found = query.bind(self._db).tuples().first()
        return None if found is None else str(found[0])

    def claim(self, facts: KeyFacts, *, name: str, now_ms: int) -> bool:
        return self._update(
            _is_as_decided(facts) & _has_pending(facts.key.pending_name, facts.key.pending_at_ms),
            openrouter_pending_name=name,
            openrouter_pending_at_ms=now_ms,
        )

    def give_up(self, organization_id: str, *, name: str, at_ms: int, aged_ms: int) -> bool:
        return self._update(
            (ClientOrganization.id == organization_id) & _has_pending(name, at_ms),
            openrouter_pending_at_ms=at_ms - aged_ms,
        )

    def release(self, organization_id: str, *, name: str, at_ms: int) -> bool:
        return self._update(
            (ClientOrganization.id == organization_id) & _has_pending(name, at_ms),
            openrouter_pending_name=None,
            openrouter_pending_at_ms=None,
        )

    def keep(
        self,
        facts: KeyFacts,
        *,
        secret: str,
        key_hash: str,
        label: str | None,
        pending: tuple[str, int] | None,
        retire_at_ms: int | None,
        now_ms: int,
    ) -> bool:
        condition = _is_as_decided(facts) & (ClientOrganization.status == "active")
        also: dict[str, Any] = {}
        if retire_at_ms is not None:
            also["openrouter_retiring_hash"] = facts.key.hash
            also["openrouter_retire_at_ms"] = retire_at_ms
        if pending is not None:
            condition &= _has_pending(*pending)
            also |= {"openrouter_pending_name": None, "openrouter_pending_at_ms": None}
        try:
            return self._update(
                condition,
                openrouter_key_ciphertext=self._vault.seal(
                    secret, bound_to=bound_to(facts.organization_id)
                ),
                openrouter_key_hash=key_hash,
                openrouter_key_label=label,
                openrouter_key_state=KeyState.ACTIVE.value,
                openrouter_key_problem=None,
                openrouter_key_checked_at_ms=now_ms,
                **also,
            )
        except IntegrityError:
            # The unique index speaks where two adopt the same key at once.
            raise Conflict("another organization has this key", field="key") from None

    def set_state(self, facts: KeyFacts, state: KeyState) -> bool:
        return self._update(_is_as_decided(facts), openrouter_key_state=state.value)

    def set_problem(self, organization_id: str, problem: str | None) -> None:
        self._update(ClientOrganization.id == organization_id, openrouter_key_problem=problem)

    def set_trouble(self, organization_id: str, problem: str) -> bool:
        known = ClientOrganization.openrouter_key_problem
        is_other = known.is_null() | (known != problem)
        is_it = ClientOrganization.id == organization_id
        return self._update(is_it & is_other, openrouter_key_problem=problem)

    def set_checked(
        self, organization_ids: Sequence[str], *, problem: str | None, now_ms: int
    ) -> None:
        columns = {
            "openrouter_key_problem": problem,
            "openrouter_key_checked_at_ms": now_ms,
        }
        with transaction(self._db):
            for begin in range(0, len(organization_ids), _MOST_AT_ONCE):
                some = list(organization_ids[begin : begin + _MOST_AT_ONCE])
                self._update(ClientOrganization.id.in_(some), **columns)

    def retired(self, organization_id: str, key_hash: str) -> bool:
        return self._update(
            (ClientOrganization.id == organization_id)
            & (ClientOrganization.openrouter_retiring_hash == key_hash),
            openrouter_retiring_hash=None,
            openrouter_retire_at_ms=None,
        )

    def overlap_raw_pusd(
        self,
        organization_id: str,
        *,
        window_from_ms: int,
        before_month: str,
        is_whole_month: bool,
        rate_micro: int,
    ) -> int:
        with session(self._db):
            if is_whole_month:
                return self._month_raw(organization_id, before_month, rate_micro)
            booked = self._booked_raw(organization_id, window_from_ms, before_month)
            return booked + self._held_raw(organization_id, window_from_ms, before_month)

    def _month_raw(self, organization_id: str, before_month: str, rate_micro: int) -> int:
        total = ClientMonthTotal
        query = total.select(total.spent_pusd + total.held_pusd).where(
            (total.organization_id == organization_id)
            & (total.month == _month_before(before_month))
            & (total.user_id == "")
        )
        found = query.bind(self._db).tuples().first()
        billed = 0 if found is None else int(found[0])
        return -(-billed * RATE_ONE // max(rate_micro, 1))

    def _booked_raw(self, organization_id: str, window_from_ms: int, before_month: str) -> int:
        entry = UsageLedger
        ended = entry.at_ms + fn.COALESCE(entry.duration_ms, 0)
        # No zone's day of an instant is further than one from UTC's; the day serves the index.
        from_day = billing_day(window_from_ms - _LONGEST_CALL_MS, "UTC") - timedelta(days=1)
        query = entry.select(fn.COALESCE(fn.SUM(entry.raw_pusd), 0)).where(
            (entry.organization_id == organization_id)
            & (entry.day >= from_day)
            & (entry.day < _first_of(before_month))
            & (ended >= window_from_ms)
        )
        return int(query.bind(self._db).tuples().first()[0])

    def _held_raw(self, organization_id: str, window_from_ms: int, before_month: str) -> int:
        hold = UsageHold
        query = hold.select(hold.estimate_pusd, hold.rate_micro).where(
            (hold.organization_id == organization_id)
            & hold.closed_at_ms.is_null()
            & (hold.month < before_month)
            & (hold.at_ms >= window_from_ms - _LONGEST_CALL_MS)
        )
        rows: Any = query.bind(self._db).tuples()
        # At a markup of 0 the estimate is a fee alone, which is not spent at OpenRouter.
        return sum(-(-billed * RATE_ONE // rate) for billed, rate in rows if rate > 0)

    def _select(self, condition: Any) -> list[Any]:
        query = ClientOrganization.select().where(condition).order_by(ClientOrganization.id)
        return list(query.bind(self._db))

    def _facts(self, rows: list[Any]) -> list[KeyFacts]:
        rules = self._rules([row.id for row in rows])
        return [_facts_of(row, [*rules[None], *rules[row.id]], self._vault) for row in rows]

    def _rules(self, organization_ids: list[str]) -> Mapping[str | None, list[PriceRule]]:
        """Rules by organization; those for everybody stand at ``None``."""
        rule = PricingRule
        query = rule.select()
        if len(organization_ids) == 1:
            is_theirs = rule.organization_id == organization_ids[0]
            query = query.where(is_theirs | rule.organization_id.is_null())
        rules = defaultdict(list)
        for row in query.order_by(rule.id).bind(self._db):
            rules[row.organization_id].append(rule_of(row))
        return rules

    def _update(self, condition: Any, **columns: Any) -> bool:
        with transaction(self._db):
            return write(self._db, ClientOrganization.update(**columns).where(condition)) > 0


def _facts_of(row: Any, rules: Sequence[PriceRule], vault: Vault) -> KeyFacts:
    return KeyFacts(
        organization_id=row.id,
        slug=row.slug,
        is_active=row.status == "active",
        time_zone=row.timezone,
        next_time_zone=row.next_timezone,
        next_time_zone_from_ms=row.next_timezone_from_ms,
        monthly_limit_pusd=row.monthly_limit_pusd,
        on_limit=row.on_limit,
        rules=rules,
        key=key_record_of(row, vault),
        stored_state=KeyState(row.openrouter_key_state),
    )


def _is_as_decided(facts: KeyFacts) -> Any:
    """The row's key is still the one, and in the state, that was read."""
    return (
        (ClientOrganization.id == facts.organization_id)
        & (ClientOrganization.openrouter_key_state == facts.stored_state.value)
        & _is(ClientOrganization.openrouter_key_hash, facts.key.hash)
        & _is(ClientOrganization.openrouter_retiring_hash, facts.key.retiring_hash)
    )


def _has_pending(name: str | None, at_ms: int | None) -> Any:
    return _is(ClientOrganization.openrouter_pending_name, name) & _is(
        ClientOrganization.openrouter_pending_at_ms, at_ms
    )


def _is(column: Any, value: object) -> Any:
    return column.is_null() if value is None else column == value


def _opened(row: Any, vault: Vault) -> str | None:
    sealed = row.openrouter_key_ciphertext
    return None if sealed is None else vault.open(sealed, bound_to=bound_to(row.id))


def _first_of(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _month_before(month: str) -> str:
    return (_first_of(month) - timedelta(days=1)).isoformat()[:7]
