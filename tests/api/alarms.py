"""What a furnished office was told of before."""

from peewee import Database

from mai_usage_ext.ports import SystemClock
from mai_usage_ext.ports.alerts import AlertCondition
from mai_usage_ext.storage.alert_rules import AlertRuleRows
from mai_usage_ext.storage.alerts import AlertRows

__all__ = ["OLD_CALLS", "fire"]

OLD_CALLS = {"name": "Old calls", "kind": "pending", "level": "organization"}
"""A rule's body, but for its organization."""


def fire(db: Database, rule_id: int, organization_id: str) -> None:
    """Let the rule have found calls that wait for their price."""
    rule = AlertRuleRows(db).get(rule_id)
    assert rule is not None
    condition = AlertCondition(
        rule=rule,
        kind="pending.old",
        subject="the office's",
        organization_id=organization_id,
        facts={"calls": 3, "oldest_hours": 25},
    )
    AlertRows(db).fire(condition, now_ms=SystemClock().now_ms())
