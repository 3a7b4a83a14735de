"""Alerts, their rules and mutes, on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import (
    Amount,
    Answer,
    Changes,
    Fields,
    Instant,
    instant,
    instant_or_none,
)
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.alerts import Alert, AlertRule, MailStep, Mute
from mai_usage_ext.services.alert_rules import shown_rule

__all__ = [
    "AlertAnswer",
    "AlertTestIn",
    "AlertTestOut",
    "AlertsOut",
    "HandleIn",
    "MuteAnswer",
    "MuteIn",
    "MutesOut",
    "RuleAnswer",
    "RuleChangesIn",
    "RuleIn",
    "RulesOut",
]

_KINDS = Literal["limit", "spend", "spike", "quiet", "capture", "pending", "key"]
_LEVELS = Literal["global", "organization", "user"]
_SEVERITIES = Literal["info", "warning", "critical"]
_CHANNELS: Any = Field(default=["email", "host"], max_length=2, description="email, host")
_EMAILS: Any = Field(
    default=[], max_length=20, description="Told beside the reseller's own addresses"
)
_ID: Any = Field(default=None, min_length=1, max_length=200)


class ParametersIn(Fields):
    """What a kind of rule can be told; a name of another kind is refused."""

    thresholds: list[int] | None = Field(
        default=None, max_length=20, description="limit: 1 to 1000 %; null follows the setting"
    )
    period: str | None = Field(default=None, description="spend: month or day")
    amounts: list[Any] | None = Field(default=None, description="spend: amounts of USD")
    factor: Any = Field(default=None, description="spike: this many times the usual")
    floor: Any = Field(default=None, description="spike: USD below which nothing is told")
    basis: str | None = Field(default=None, description="spike: weekday or days")
    day: str | None = Field(default=None, description="spike: today or yesterday")
    active_days: int | None = Field(default=None, description="quiet: used on so many of 14")
    quiet_days: int | None = Field(default=None, description="quiet: nothing for so long")
    percent: Any = Field(default=None, description="capture: less than this is told")
    hours: int | None = Field(default=None, description="pending: unsettled for so long")


class RuleChangesIn(Changes):
    """``PATCH alerts/rules/{id}``; parameters that are left out stay as they are."""

    name: str = Field(default="", min_length=1, max_length=200)
    is_enabled: bool = True
    severity: _SEVERITIES = "warning"
    parameters: ParametersIn = Field(default_factory=ParametersIn)
    channels: list[Literal["email", "host"]] = _CHANNELS
    emails: list[str] = _EMAILS
    notify_organization: bool = Field(
        default=False, description="Also tell its billing address and its contacts"
    )


class RuleIn(Fields):
    """``POST alerts/rules``."""

    name: str = Field(min_length=1, max_length=200)
    kind: _KINDS
    level: _LEVELS = "global"
    client_id: str | None = _ID
    user_id: str | None = _ID
    is_enabled: bool = True
    severity: _SEVERITIES = "warning"
    parameters: ParametersIn = Field(default_factory=ParametersIn)
    channels: list[Literal["email", "host"]] = _CHANNELS
    emails: list[str] = _EMAILS
    notify_organization: bool = False


class RuleOut(BaseModel):
    id: int
    name: str
    kind: str
    level: str
    client_id: str | None
    user_id: str | None
    is_enabled: bool
    is_builtin: bool
    severity: str
    parameters: dict[str, Any]
    channels: list[str]
    emails: list[str]
    notify_organization: bool

    @classmethod
    def of(cls, rule: AlertRule) -> "RuleOut":
        return cls(id=rule.id, is_builtin=rule.is_builtin, **shown_rule(rule))


class RuleAnswer(Answer):
    rule: RuleOut

    @classmethod
    def of(cls, rule: AlertRule, message: str = "") -> "RuleAnswer":
        return cls(message=message, rule=RuleOut.of(rule))


class RulesOut(Answer):
    rules: list[RuleOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(cls, rules: Sequence[AlertRule], *, offset: int, limit: int) -> "RulesOut":
        page = rules[offset : offset + limit]
        shown = [RuleOut.of(rule) for rule in page]
        return cls(rules=shown, total=len(rules), offset=offset, limit=limit)


class AlertOut(BaseModel):
    """``limit`` is the limit or the amount that was passed, or what the spending is compared
    with; ``period`` is a month or a day of the organization's zone."""

    id: int
    kind: str
    rule_id: int | None
    severity: str
    client_id: str
    user_id: str | None
    period: str | None
    percent: int | None
    limit: Amount
    spent: Amount
    facts: Mapping[str, Any]
    state: str
    is_muted: bool
    at: Instant
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    note: str
    resolved_at: Instant | None
    resolved_by: str | None

    @classmethod
    def of(cls, alert: Alert) -> "AlertOut":
        return cls(
            id=alert.id,
            kind=alert.kind,
            rule_id=alert.rule_id,
            severity=alert.severity.value,
            client_id=alert.organization_id,
            user_id=alert.user_id,
            period=alert.period or None,
            percent=alert.percent or None,
            limit=usd_from_pusd(alert.limit_pusd),
            spent=usd_from_pusd(alert.spent_pusd),
            facts=alert.facts,
            state=alert.state.value,
            is_muted=alert.is_muted,
            at=instant(alert.at_ms),
            acknowledged_at=instant_or_none(alert.acknowledged_at_ms),
            acknowledged_by=alert.acknowledged_by,
            note=alert.note,
            resolved_at=instant_or_none(alert.resolved_at_ms),
            resolved_by=alert.resolved_by,
        )


class AlertAnswer(Answer):
    alert: AlertOut

    @classmethod
    def of(cls, alert: Alert, message: str) -> "AlertAnswer":
        return cls(message=message, alert=AlertOut.of(alert))


class AlertsOut(Answer):
    """One page, newest first."""

    alerts: list[AlertOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(cls, alerts: Sequence[Alert], total: int, *, offset: int, limit: int) -> "AlertsOut":
        shown = [AlertOut.of(alert) for alert in alerts]
        return cls(alerts=shown, total=total, offset=offset, limit=limit)


class HandleIn(Changes):
    """``note`` is what to remember about it; left out, the one that is there stays."""

    note: str | None = Field(default=None, max_length=2000)


class MuteIn(Fields):
    """``POST alerts/mutes``: of a rule, of an organization, or of the two together."""

    rule_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    client_id: str | None = _ID
    until: Instant
    note: str = Field(default="", max_length=2000)


class MuteOut(BaseModel):
    id: int
    rule_id: int | None
    client_id: str | None
    until: Instant
    note: str
    created_at: Instant
    created_by: str

    @classmethod
    def of(cls, mute: Mute) -> "MuteOut":
        return cls(
            id=mute.id,
            rule_id=mute.rule_id,
            client_id=mute.organization_id,
            until=instant(mute.until_ms),
            note=mute.note,
            created_at=instant(mute.created_at_ms),
            created_by=mute.created_by,
        )


class MuteAnswer(Answer):
    mute: MuteOut

    @classmethod
    def of(cls, mute: Mute, message: str) -> "MuteAnswer":
        return cls(message=message, mute=MuteOut.of(mute))


class MutesOut(Answer):
    mutes: list[MuteOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(cls, mutes: Sequence[Mute], *, offset: int, limit: int) -> "MutesOut":
        shown = [MuteOut.of(mute) for mute in mutes[offset : offset + limit]]
        return cls(mutes=shown, total=len(mutes), offset=offset, limit=limit)


class AlertTestIn(Fields):
    """``to`` is an e-mail address, for the channel ``email`` alone."""

    channel: Literal["email", "host"]
    to: str | None = Field(default=None, max_length=254)


class StepOut(BaseModel):
    name: str
    is_done: bool
    detail: str


class AlertTestOut(Answer):
    """``success`` says that every step was done."""

    steps: list[StepOut]

    @classmethod
    def of(cls, steps: Sequence[MailStep]) -> "AlertTestOut":
        wrong = [step.name for step in steps if not step.is_done]
        return cls(
            success=not wrong,
            message=f"Not done: {', '.join(wrong)}." if wrong else "The test was sent.",
            steps=[
                StepOut(name=step.name, is_done=step.is_done, detail=step.detail) for step in steps
            ],
        )
