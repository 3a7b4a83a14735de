"""What rules find once a minute: what holds now and was not told is fired, what holds no more is
resolved. Whatever is found is told once for its subject, however often it is looked at."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from mai_usage_ext.metering.limits import LimitEventKind
from mai_usage_ext.ports import Clock, LimitEventStore
from mai_usage_ext.ports.alert_facts import AlertFacts, WatchedOrganization
from mai_usage_ext.ports.alerts import (
    Alert,
    AlertCondition,
    AlertState,
    AlertStore,
    RuleKind,
)
from mai_usage_ext.services.alert_conditions import Conditions
from mai_usage_ext.services.alert_marks import MarkCheck
from mai_usage_ext.services.alert_rules import AlertRules

__all__ = ["Alerting"]

_BY = "mai-usage"
_OF_MARKS = (RuleKind.LIMIT, RuleKind.SPEND)
_LASTING = (RuleKind.PENDING, RuleKind.KEY)


class Alerting:
    """May run in several processes at once: an alert is stored once, whoever finds it.

    Marks of limits and amounts are noted by the writer that crosses them. What it could not see
    is noted here: marks of a rule that is newer than the spending.
    """

    def __init__(
        self,
        rules: AlertRules,
        store: AlertStore,
        facts: AlertFacts,
        *,
        events: LimitEventStore,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._store = store
        self._facts = facts
        self._marks = MarkCheck(events, facts)
        self._clock = clock

    async def run_once(self) -> int:
        """How many alerts were fired or resolved."""
        return await asyncio.to_thread(self.look)

    def look(self) -> int:
        self._rules.reload()
        now_ms = self._clock.now_ms()
        organizations = self._facts.organizations(at_ms=now_ms)
        self._marks.note_missed(self._rules.marks(), organizations, now_ms=now_ms)
        changed = self._resolve_marks(organizations, now_ms)
        conditions = Conditions(self._facts, organizations, now_ms=now_ms)
        for kind in RuleKind:
            if kind not in _OF_MARKS:
                rules = [one for one in self._rules.current if one.kind is kind and one.is_enabled]
                found = [one for rule in rules for one in conditions.of(rule)]
                changed += self._settle(kind, found, now_ms)
        return changed

    def _settle(self, kind: RuleKind, found: Sequence[AlertCondition], now_ms: int) -> int:
        """Fire what is new, resolve what is gone."""
        unresolved = self._store.unresolved(kind.alerts)
        known = {_affair(kind, alert.subject) for alert in unresolved}
        fired = sum(
            self._store.fire(one, now_ms=now_ms)
            for one in found
            if _affair(kind, one.subject) not in known
        )
        holding = {_affair(kind, one.subject) for one in found}
        return fired + self._resolve(
            unresolved, lambda alert: _affair(kind, alert.subject) not in holding, now_ms
        )

    def _resolve_marks(self, organizations: Iterable[WatchedOrganization], now_ms: int) -> int:
        by_id = {one.id: one for one in organizations}
        unresolved = self._store.unresolved([*RuleKind.LIMIT.alerts, *RuleKind.SPEND.alerts])
        return self._resolve(
            unresolved, lambda alert: _is_over(alert, by_id.get(alert.organization_id)), now_ms
        )

    def _resolve(
        self, alerts: Iterable[Alert], is_over: Callable[[Alert], bool], now_ms: int
    ) -> int:
        resolved = 0
        for alert in filter(is_over, alerts):
            resolved += self._store.change(
                alert.id, AlertState.RESOLVED, by=_BY, note=None, now_ms=now_ms
            )
        return resolved


def _affair(kind: RuleKind, subject: str) -> str:
    """What lasts for days is one affair until it is over; the subject names the day it began."""
    return subject.rpartition("/")[0] if kind in _LASTING else subject


def _is_over(alert: Alert, organization: WatchedOrganization | None) -> bool:
    """A mark is over with its period, and with the limit that it was a part of."""
    if organization is None:
        return True
    if not organization.today.isoformat().startswith(alert.period):
        return True
    if alert.kind == LimitEventKind.AMOUNT:
        return False
    user_id = alert.user_id
    limit = organization.limits_of_users.get(user_id) if user_id else organization.limit_pusd
    return limit != alert.limit_pusd
