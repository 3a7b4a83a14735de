"""Prices with dates: added for now or later, taken back before they hold, and tried on a month.

What is booked keeps the price it was booked at, so a rule never reaches into the past and a rule
that has held is never taken away; a later one replaces it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.metering.money import (
    billed_pusd,
    rate_from_decimal,
    rate_to_decimal,
    usd_from_pusd,
)
from mai_usage_ext.metering.pricing import PriceRule, checked_fee, checked_pattern, rule_of
from mai_usage_ext.ports import (
    Actor,
    Clock,
    Organization,
    OrganizationStore,
    PriceStore,
    UnitOfWork,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.organization_fields import checked_rate

__all__ = ["ModelPreview", "PricePreview", "Pricing"]

# A caller's clock may lag this far behind ours; their "now" is then taken as ours.
_TOLERANCE_MS = 60_000
# The first instant of the year 9999: later ones are no dates everywhere.
_LATEST_MS = 253_370_764_800_000
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPreview:
    """One model's month in picodollars: as it was booked, and as the change would have billed it.

    ``is_affected`` says whether the new rule would decide this model's price.
    """

    model: str
    requests: int
    raw_pusd: int
    billed_pusd: int
    new_billed_pusd: int
    is_affected: bool

    @property
    def difference_pusd(self) -> int:
        """What the change adds; negative where it takes away."""
        return self.new_billed_pusd - self.billed_pusd


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePreview:
    """A month (``"YYYY-MM"`` in the organization's zone), by model in the order of their names."""

    organization_id: str
    month: str
    models: Sequence[ModelPreview]

    @property
    def requests(self) -> int:
        return sum(model.requests for model in self.models)

    @property
    def raw_pusd(self) -> int:
        return sum(model.raw_pusd for model in self.models)

    @property
    def billed_pusd(self) -> int:
        return sum(model.billed_pusd for model in self.models)

    @property
    def new_billed_pusd(self) -> int:
        return sum(model.new_billed_pusd for model in self.models)

    @property
    def difference_pusd(self) -> int:
        return self.new_billed_pusd - self.billed_pusd


class Pricing:
    def __init__(
        self,
        store: PriceStore,
        *,
        organizations: OrganizationStore,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._organizations = organizations
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def rules(self, organization_id: str | None) -> Sequence[PriceRule]:
        """An organization's own rules, planned ones included; with ``None``, those for everybody.

        Raises ``NotFound`` for an organization that does not exist.
        """
        if organization_id is not None:
            self._organization(organization_id)
        return self._store.rules(organization_id)

    def all_rules(self) -> Sequence[PriceRule]:
        return self._store.all_rules()

    def add(
        self,
        *,
        organization_id: str | None,
        model_pattern: object = None,
        effective_from_ms: int | None = None,
        markup_rate: object,
        fixed_fee: object = "0",
        allow_loss: bool = False,
        actor: Actor,
    ) -> PriceRule:
        """A price from ``effective_from_ms`` on, from now on without one.

        ``organization_id`` of ``None`` is everybody, ``model_pattern`` of ``None`` every model.
        An instant up to a minute ago is taken as now. Raises ``BadInput`` naming the field,
        ``NotFound`` for an unknown organization, ``Conflict`` where a rule of the same
        organization, pattern and instant stands already.
        """
        pattern = checked_pattern(model_pattern)
        rate = checked_rate(markup_rate, allow_loss=allow_loss)
        fee = checked_fee(fixed_fee)
        now_ms = self._clock.now_ms()
        planned_ms = _planned(effective_from_ms, now_ms)
        with self._unit_of_work():
            if organization_id is not None:
                self._organization(organization_id)
            columns: dict[str, Any] = {
                "organization_id": organization_id,
                "model_pattern": pattern,
                "rate_micro": rate,
                "fee_pusd": fee,
                "now_ms": now_ms,
            }
            if planned_ms is None:
                rule = self._add_now(columns, now_ms)
            else:
                rule = self._store.add(effective_from_ms=planned_ms, **columns)
            self._record("price.added", rule, actor, after=_shown(rule))
        return rule

    def remove(self, rule_id: int, *, actor: Actor) -> None:
        """Take back a rule that does not hold yet. Raises ``NotFound``, ``Conflict``."""
        with self._unit_of_work():
            rule = self._store.rule(rule_id)
            if rule is None:
                raise _no_rule(rule_id)
            if rule.effective_from_ms <= self._clock.now_ms():
                raise Conflict(
                    f"price {rule_id} is or was in force and stays in the history; add a rule "
                    "that replaces it",
                    field="rule_id",
                )
            if not self._store.remove(rule_id):
                raise _no_rule(rule_id)
            self._record("price.removed", rule, actor, before=_shown(rule))

    def preview(
        self,
        *,
        organization_id: str,
        model_pattern: object = None,
        markup_rate: object,
        fixed_fee: object = "0",
        month: str | None = None,
    ) -> PricePreview:
        """What a price would have made of a month, the last one by default; nothing is changed.

        The new rule stands among those in force now, so it decides only the models that it would
        decide from now on; the others stay as they were booked. A model's new bill is its raw sum
        × rate + requests × fee, rounded half-even once, while the ledger rounds each entry: the two
        may differ by up to half a picodollar for each request. Raises ``BadInput``, ``NotFound``.
        """
        now_ms = self._clock.now_ms()
        candidate = PriceRule(
            # Above every stored id: of two rules of this instant the new one wins.
            id=2**63,
            organization_id=organization_id,
            model_pattern=checked_pattern(model_pattern),
            effective_from_ms=now_ms,
            rate_micro=rate_from_decimal(markup_rate),
            fee_pusd=checked_fee(fixed_fee),
        )
        organization = self._organization(organization_id)
        this_month = month_of(billing_day(now_ms, organization.time_zone))
        wanted = _month_before(this_month) if month is None else _checked_month(month, this_month)
        rules = [*self._store.rules(organization_id), *self._store.rules(None), candidate]
        sums = self._store.month_by_model(organization_id, wanted)
        return PricePreview(
            organization_id=organization_id,
            month=wanted,
            models=tuple(_tried(sums, rules, candidate)),
        )

    def _organization(self, organization_id: str) -> Organization:
        found = self._organizations.get(organization_id, at_ms=self._clock.now_ms())
        if found is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return found

    def _add_now(self, columns: Mapping[str, Any], now_ms: int) -> PriceRule:
        """Two changes within one millisecond follow each other by one."""
        from_ms = now_ms
        while True:
            try:
                return self._store.add(effective_from_ms=from_ms, **columns)
            except Conflict:
                from_ms += 1

    def _record(
        self,
        action: str,
        rule: PriceRule,
        actor: Actor,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        self._audit.record(
            actor=actor,
            action=action,
            target_kind="price",
            target_id=str(rule.id),
            before=before,
            after=after,
        )


def _tried(
    sums: Mapping[str, tuple[int, int, int]], rules: Iterable[PriceRule], candidate: PriceRule
) -> Iterable[ModelPreview]:
    kept = list(rules)
    for model, (requests, raw, billed) in sorted(sums.items()):
        is_affected = rule_of(kept, model, at_ms=candidate.effective_from_ms) is candidate
        fees = requests * candidate.fee_pusd
        anew = billed_pusd(raw, rate_micro=candidate.rate_micro, fee_pusd=fees)
        yield ModelPreview(
            model=model,
            requests=requests,
            raw_pusd=raw,
            billed_pusd=billed,
            new_billed_pusd=anew if is_affected else billed,
            is_affected=is_affected,
        )


def _planned(effective_from_ms: object, now_ms: int) -> int | None:
    """The instant a rule is planned for; ``None`` is now. Raises ``BadInput``."""
    if effective_from_ms is None:
        return None
    if isinstance(effective_from_ms, bool) or not isinstance(effective_from_ms, int):
        raise BadInput("effective_from", got=effective_from_ms, expected="an instant")
    if effective_from_ms < now_ms - _TOLERANCE_MS:
        raise BadInput(
            "effective_from",
            got=effective_from_ms,
            expected="an instant from now on: what is booked keeps its price",
        )
    if effective_from_ms >= _LATEST_MS:
        raise BadInput(
            "effective_from", got=effective_from_ms, expected="an instant before the year 9999"
        )
    return None if effective_from_ms <= now_ms else effective_from_ms


def _checked_month(month: object, this_month: str) -> str:
    if not isinstance(month, str) or not _MONTH.fullmatch(month) or month < "0001":
        raise BadInput("month", got=month, expected="a month such as 2026-01")
    # Months of four and two digits sort like the time they stand for.
    if month > this_month:
        raise BadInput("month", got=month, expected=f"a month up to {this_month}")
    return month


def _month_before(month: str) -> str:
    return month_of(date.fromisoformat(f"{month}-01") - timedelta(days=1))


def _shown(rule: PriceRule) -> dict[str, Any]:
    """What the audit trail keeps of a rule."""
    return {
        "organization_id": rule.organization_id,
        "model_pattern": rule.model_pattern,
        "effective_from_ms": rule.effective_from_ms,
        "markup_rate": f"{rate_to_decimal(rule.rate_micro):f}",
        "fixed_fee": usd_from_pusd(rule.fee_pusd),
    }


def _no_rule(rule_id: int) -> NotFound:
    return NotFound(f"there is no price {rule_id}")
