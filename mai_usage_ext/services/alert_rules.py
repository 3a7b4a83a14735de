"""Rules of alerts: changed by admins, and held in memory for whoever asks often."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mai_usage_ext.errors import BadInput, Conflict, NotFound, StorageUnavailable
from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.metering.limits import MarkPeriod, MarkRule, Marks
from mai_usage_ext.metering.money import pusd_from_usd
from mai_usage_ext.ports import Actor, Clock, UnitOfWork
from mai_usage_ext.ports.alerts import AlertRule, AlertRuleStore, RuleKind, RuleLevel
from mai_usage_ext.services.alert_rule_fields import (
    LEVELS_OF,
    checked_parameters,
    checked_rule_fields,
)
from mai_usage_ext.services.audit import Audit

__all__ = ["AlertRules", "shown_rule"]

_OF_CUSTOMERS = (RuleKind.LIMIT, RuleKind.SPEND, RuleKind.SPIKE, RuleKind.QUIET)
_MOST_RULES = 1_000


class AlertRules:
    """``current`` and ``marks()`` may be read by any thread at any time; a reload replaces them.

    Until the first reload there are no rules. ``default_thresholds`` are the setting's, which a
    rule about limits follows that has none of its own.
    """

    def __init__(
        self,
        store: AlertRuleStore,
        *,
        default_thresholds: Callable[[], Sequence[int]],
        organization_exists: Callable[[str], bool],
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._default_thresholds = default_thresholds
        self._organization_exists = organization_exists
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._reading = threading.Lock()
        self.current: Sequence[AlertRule] = ()
        self._marks: tuple[Sequence[int], Sequence[AlertRule], Marks] = ((), (), Marks())

    def marks(self) -> Marks:
        """What the writer compares spending with."""
        thresholds, rules = self._default_thresholds(), self.current
        known_thresholds, known_rules, marks = self._marks
        if rules is not known_rules or thresholds != known_thresholds:
            marks = Marks(_mark_rules(rules, thresholds))
            self._marks = thresholds, rules, marks
        return marks

    def reload(self) -> bool:
        """Read the rules; whether others hold now. While the database is away, what was read last
        goes on. Raises nothing."""
        with self._reading, shielded("reading the rules of alerts"):
            try:
                rules = list(self._store.all())
            except StorageUnavailable as error:
                tally.warn("alert rules not read", f"the rules could not be read: {error}")
                return False
            if rules != self.current:
                self.current = rules
                return True
        return False

    def all(self) -> Sequence[AlertRule]:
        return self._store.all()

    def get(self, rule_id: int) -> AlertRule:
        """Raises ``NotFound``."""
        rule = self._store.get(rule_id)
        if rule is None:
            raise NotFound(f"there is no alert rule {rule_id}")
        return rule

    def create(self, fields: Mapping[str, object], *, actor: Actor) -> AlertRule:
        """Raises ``BadInput`` that names a field."""
        given = dict(fields)
        parameters = given.pop("parameters", {})
        checked = checked_rule_fields(given)
        for name in ("name", "kind"):
            if name not in checked:
                raise BadInput(name, got=None, expected="a value: every rule has one")
        rule = AlertRule(**checked, parameters=checked_parameters(checked["kind"], parameters))
        self._check(rule)
        with self._unit_of_work():
            if len(self._store.all()) >= _MOST_RULES:
                raise Conflict(f"there are {_MOST_RULES} rules already")
            made = replace(rule, id=self._store.add(rule, now_ms=self._clock.now_ms()))
            self._record(actor, "alert_rule.created", made, before=None)
        self.reload()
        return made

    def change(self, rule_id: int, fields: Mapping[str, object], *, actor: Actor) -> AlertRule:
        """Parameters that are left out stay as they are, and so do fields. Raises ``BadInput``,
        ``NotFound``."""
        given = dict(fields)
        parameters = given.pop("parameters", {})
        with self._unit_of_work():
            before = self.get(rule_id)
            for name in ("kind", "level", "client_id", "user_id"):
                if name in given:
                    raise BadInput(
                        name,
                        got=given[name],
                        expected="nothing: what a rule is about stays as it is; make another one",
                    )
            if not isinstance(parameters, Mapping):
                raise BadInput("parameters", got=parameters, expected="an object")
            after = replace(
                before,
                **checked_rule_fields(given),
                parameters=checked_parameters(before.kind, {**before.parameters, **parameters}),
            )
            self._check(after)
            if after != before:
                self._store.replace(after, now_ms=self._clock.now_ms())
                self._record(actor, "alert_rule.changed", after, before=before)
        self.reload()
        return after

    def remove(self, rule_id: int, *, actor: Actor) -> None:
        """Raises ``NotFound``, and ``Conflict`` for a built-in one."""
        with self._unit_of_work():
            rule = self.get(rule_id)
            if rule.is_builtin:
                raise Conflict("a built-in rule cannot be removed; disable it instead")
            self._store.remove(rule_id)
            self._record(actor, "alert_rule.removed", rule, before=rule)
        self.reload()

    def known_organization(self, organization_id: object) -> str:
        """The same id. Raises ``BadInput``."""
        if isinstance(organization_id, str) and self._organization_exists(organization_id):
            return organization_id
        raise BadInput("client_id", got=organization_id, expected="an organization that exists")

    def _check(self, rule: AlertRule) -> None:
        levels = LEVELS_OF[rule.kind]
        if rule.level not in levels:
            raise BadInput("level", got=rule.level.value, expected=f"one of {', '.join(levels)}")
        wants_organization = rule.level is RuleLevel.ORGANIZATION
        if wants_organization != (rule.organization_id is not None):
            expected = "an organization's id" if wants_organization else "null at this level"
            raise BadInput("client_id", got=rule.organization_id, expected=expected)
        if (rule.level is RuleLevel.USER) != (rule.user_id is not None):
            expected = "a user's id" if rule.level is RuleLevel.USER else "null at this level"
            raise BadInput("user_id", got=rule.user_id, expected=expected)
        if rule.organization_id is not None:
            self.known_organization(rule.organization_id)
        if rule.notify_organization and rule.kind not in _OF_CUSTOMERS:
            raise BadInput(
                "notify_organization",
                got=True,
                expected=f"false: rules of the kind {rule.kind.value} are the reseller's affair",
            )

    def _record(
        self, actor: Actor, action: str, rule: AlertRule, *, before: AlertRule | None
    ) -> None:
        old = {} if before is None else shown_rule(before)
        new = {} if action.endswith("removed") else shown_rule(rule)
        names = [name for name in (new or old) if old.get(name) != new.get(name)]
        self._audit.record(
            actor=actor,
            action=action,
            target_kind="alert_rule",
            target_id=str(rule.id),
            before={name: old[name] for name in names} if old else None,
            after={name: new[name] for name in names} if new else None,
        )


def shown_rule(rule: AlertRule) -> dict[str, Any]:
    """A rule as the API names its fields."""
    return {
        "name": rule.name,
        "kind": rule.kind.value,
        "level": rule.level.value,
        "client_id": rule.organization_id,
        "user_id": rule.user_id,
        "is_enabled": rule.is_enabled,
        "severity": rule.severity.value,
        "parameters": dict(rule.parameters),
        "channels": [channel.value for channel in rule.channels],
        "emails": list(rule.emails),
        "notify_organization": rule.notify_organization,
    }


def _mark_rules(rules: Sequence[AlertRule], thresholds: Sequence[int]) -> list[MarkRule]:
    found = []
    for rule in rules:
        if not rule.is_enabled or rule.kind not in (RuleKind.LIMIT, RuleKind.SPEND):
            continue
        if rule.kind is RuleKind.LIMIT:
            own = rule.parameters.get("thresholds")
            period, marks = MarkPeriod.LIMIT, tuple(thresholds if own is None else own)
        else:
            period = MarkPeriod(rule.parameters["period"])
            marks = tuple(pusd_from_usd(amount) for amount in rule.parameters["amounts"])
        found.append(
            MarkRule(
                id=rule.id,
                period=period,
                marks=marks,
                severity=rule.severity.value,
                organization_id=rule.organization_id,
                user_id=rule.user_id,
            )
        )
    return found
