"""Prices with dates, and what a month used of each model."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from peewee import Database, IntegrityError, fn

from mai_usage_ext.errors import Conflict
from mai_usage_ext.metering.days import month_days
from mai_usage_ext.metering.pricing import PriceRule
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    PricingRule,
)
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["PriceRows", "rule_of"]

# Everybody's rules and the rules for every model come first, each rule's successors after it.
_ORDER = (
    fn.COALESCE(PricingRule.organization_id, ""),
    fn.COALESCE(PricingRule.model_pattern, ""),
    PricingRule.effective_from_ms,
)
_LARGEST_ID = 2**63 - 1


class PriceRows:
    """Implements ``ports.PriceStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def rules(self, organization_id: str | None) -> Sequence[PriceRule]:
        return self._rules(_is(PricingRule.organization_id, organization_id))

    def all_rules(self) -> Sequence[PriceRule]:
        return self._rules()

    def rule(self, rule_id: int) -> PriceRule | None:
        # The driver of SQLite raises for what no column of it could hold.
        if not 0 < rule_id <= _LARGEST_ID:
            return None
        return next(iter(self._rules(PricingRule.id == rule_id)), None)

    def add(
        self,
        *,
        organization_id: str | None,
        model_pattern: str | None,
        effective_from_ms: int,
        rate_micro: int,
        fee_pusd: int,
        now_ms: int,
    ) -> PriceRule:
        is_same = (
            _is(PricingRule.organization_id, organization_id)
            & _is(PricingRule.model_pattern, model_pattern)
            & (PricingRule.effective_from_ms == effective_from_ms)
        )
        query = PricingRule.insert(
            organization_id=organization_id,
            model_pattern=model_pattern,
            effective_from_ms=effective_from_ms,
            rate_micro=rate_micro,
            fee_pusd=fee_pusd,
            created_at_ms=now_ms,
        )
        with session(self._db):
            try:
                with transaction(self._db):
                    write(self._db, query)
                    (added,) = self._rules(is_same)
            except IntegrityError:
                # Anything but such a rule is a fault of ours that must not pass for a clash.
                if not self._rules(is_same):
                    raise
                raise Conflict(
                    "a price of the same organization and model holds from that instant already",
                    field="effective_from",
                ) from None
        return added

    def remove(self, rule_id: int) -> bool:
        query = PricingRule.delete().where(PricingRule.id == rule_id)
        with transaction(self._db):
            return write(self._db, query) == 1

    def month_by_model(
        self, organization_id: str, month: str
    ) -> Mapping[str, tuple[int, int, int]]:
        first, last = month_days(date.fromisoformat(f"{month}-01"))
        # One statement, so that a day being sealed meanwhile is seen on one side or the other.
        query = _models(
            ClientModelDailyUsage, organization_id, first, last, is_sealed=True
        ) + _models(ClientLiveCounter, organization_id, first, last, is_sealed=False)
        totals: defaultdict[str, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
        with session(self._db):
            for model, *sums in query.bind(self._db).tuples():
                requests, raw, billed = totals[model]
                more, more_raw, more_billed = map(int, sums)
                totals[model] = requests + more, raw + more_raw, billed + more_billed
        return dict(totals)

    def _rules(self, *conditions: Any) -> list[PriceRule]:
        query = PricingRule.select().order_by(*_ORDER)
        for condition in conditions:
            query = query.where(condition)
        with session(self._db):
            return [rule_of(row) for row in query.bind(self._db)]


def _is(column: Any, value: str | None) -> Any:
    return column.is_null() if value is None else column == value


def _models(model: Any, organization_id: str, first: date, last: date, *, is_sealed: bool) -> Any:
    """Sums by model over the days whose daily row says that they are sealed, or over the rest."""
    day = ClientDailyUsage.alias()
    sealed: Any = day.select(day.day).where(
        (day.organization_id == organization_id) & day.day.between(first, last)
    )
    among = model.day.in_(sealed) if is_sealed else model.day.not_in(sealed)
    return (
        model.select(
            model.model, fn.SUM(model.requests), fn.SUM(model.raw_pusd), fn.SUM(model.billed_pusd)
        )
        .where((model.organization_id == organization_id) & model.day.between(first, last) & among)
        .group_by(model.model)
    )


def rule_of(row: PricingRule) -> PriceRule:
    return PriceRule(
        id=row.id,
        organization_id=row.organization_id,
        model_pattern=row.model_pattern,
        effective_from_ms=row.effective_from_ms,
        rate_micro=row.rate_micro,
        fee_pusd=row.fee_pusd,
    )
