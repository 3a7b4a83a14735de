"""Rules of alerts, the alerts themselves, mutes, and what is on its way to whom."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

__all__ = [
    "Alert",
    "AlertCondition",
    "AlertFilter",
    "AlertRule",
    "AlertRuleStore",
    "AlertState",
    "AlertStore",
    "Batch",
    "Channel",
    "HostNotices",
    "Mail",
    "MailStep",
    "Mailer",
    "Mute",
    "MuteStore",
    "NoHost",
    "NotSent",
    "NotificationStore",
    "RuleKind",
    "RuleLevel",
    "Severity",
]


class RuleKind(StrEnum):
    """``LIMIT`` percentages of a monthly limit · ``SPEND`` amounts of a month or day · ``SPIKE`` a
    day's spending far above the usual · ``QUIET`` no usage although expected · ``CAPTURE`` less
    captured than OpenRouter billed · ``PENDING`` calls unsettled for too long · ``KEY`` a key that
    needs somebody."""

    LIMIT = "limit"
    SPEND = "spend"
    SPIKE = "spike"
    QUIET = "quiet"
    CAPTURE = "capture"
    PENDING = "pending"
    KEY = "key"

    @property
    def alerts(self) -> tuple[str, ...]:
        """The kinds of the alerts that such a rule fires."""
        return _ALERTS[self]


_ALERTS = {
    RuleKind.LIMIT: ("limit.threshold_crossed", "limit.reached"),
    RuleKind.SPEND: ("spend.crossed",),
    RuleKind.SPIKE: ("usage.spike",),
    RuleKind.QUIET: ("usage.quiet",),
    RuleKind.CAPTURE: ("capture.below",),
    RuleKind.PENDING: ("pending.old",),
    RuleKind.KEY: ("key.trouble",),
}


class RuleLevel(StrEnum):
    """Whom a rule is about: every organization, one, or one user."""

    GLOBAL = "global"
    ORGANIZATION = "organization"
    USER = "user"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """``ACKNOWLEDGED`` somebody has taken it on · ``RESOLVED`` it is over, or a person said so."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Channel(StrEnum):
    """Webhooks are no channel of a rule: they hear of everything."""

    EMAIL = "email"
    HOST = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """``parameters`` as JSON has them, money as decimal strings of USD. ``emails`` are told beside
    the reseller's own addresses; with ``notify_organization`` so are its billing address and its
    contacts. A built-in rule cannot be removed."""

    id: int = 0
    name: str
    kind: RuleKind
    level: RuleLevel = RuleLevel.GLOBAL
    organization_id: str | None = None
    user_id: str | None = None
    is_enabled: bool = True
    is_builtin: bool = False
    severity: Severity = Severity.WARNING
    parameters: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.HOST)
    emails: tuple[str, ...] = ()
    notify_organization: bool = False

    def is_about(self, organization_id: str, user_id: str | None) -> bool:
        """Whether it speaks of this organization's, or this user's, affairs."""
        match self.level:
            case RuleLevel.GLOBAL:
                return True
            case RuleLevel.ORGANIZATION:
                return self.organization_id == organization_id
            case RuleLevel.USER:
                return self.user_id == user_id


class AlertRuleStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def all(self) -> Sequence[AlertRule]:
        """In the order of their ids."""
        ...

    def get(self, rule_id: int) -> AlertRule | None: ...

    def add(self, rule: AlertRule, *, now_ms: int) -> int:
        """Its id; the rule's own is not looked at."""
        ...

    def replace(self, rule: AlertRule, *, now_ms: int) -> bool:
        """Whether there was one with its id."""
        ...

    def remove(self, rule_id: int) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """``period`` is a month or a day of the organization's zone, ``""`` where there is none;
    ``limit_pusd`` is the limit or the amount whose mark was passed. ``facts`` is JSON."""

    id: int
    kind: str
    rule_id: int | None
    severity: Severity
    organization_id: str
    user_id: str | None
    period: str
    percent: int
    limit_pusd: int
    spent_pusd: int
    facts: Mapping[str, Any]
    state: AlertState
    is_muted: bool
    at_ms: int
    acknowledged_at_ms: int | None
    acknowledged_by: str | None
    note: str
    resolved_at_ms: int | None
    resolved_by: str | None
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCondition:
    """Something that a rule wants told, as long as it holds: once for each ``subject``."""

    rule: AlertRule
    kind: str
    subject: str
    organization_id: str
    user_id: str | None = None
    period: str = ""
    spent_pusd: int = 0
    limit_pusd: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """``None`` lets everything through."""

    state: AlertState | None = None
    kind: str | None = None
    organization_id: str | None = None
    severity: Severity | None = None


class AlertStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def page(self, wanted: AlertFilter, *, offset: int, limit: int) -> tuple[Sequence[Alert], int]:
        """Newest first, and how many there are in all."""
        ...

    def get(self, alert_id: int) -> Alert | None: ...

    def unresolved(self, kinds: Sequence[str]) -> Sequence[Alert]: ...

    def fire(self, condition: AlertCondition, *, now_ms: int) -> bool:
        """Store it unless it was stored before; whether it is new."""
        ...

    def change(
        self, alert_id: int, state: AlertState, *, by: str, note: str | None, now_ms: int
    ) -> bool:
        """Whether it was not resolved yet."""
        ...

    def untold(self, *, limit: int) -> Sequence[Alert]:
        """What nobody has decided about whom to tell, oldest first."""
        ...

    def told(self, alert_id: int, *, rule: AlertRule | None, is_muted: bool, now_ms: int) -> bool:
        """Say that it was decided, by which rule; false where another process was faster."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Until an instant nothing is sent of a rule, an organization, or of the two together."""

    id: int = 0
    rule_id: int | None
    organization_id: str | None
    until_ms: int
    note: str
    created_at_ms: int
    created_by: str

    def silences(self, rule_id: int | None, organization_id: str, *, at_ms: int) -> bool:
        return (
            at_ms < self.until_ms
            and self.rule_id in (None, rule_id)
            and self.organization_id in (None, organization_id)
        )


class MuteStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def all(self) -> Sequence[Mute]:
        """The latest end first."""
        ...

    def add(self, mute: Mute) -> int: ...

    def remove(self, mute_id: int) -> Mute | None:
        """What was removed, if there was one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One message: all alerts in it go to one recipient. ``id`` is that of every attempt."""

    id: str
    channel: Channel
    recipient: str
    attempts: int
    created_at_ms: int
    alerts: Sequence[Alert]


class NotificationStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def add(self, alert_id: int, channel: Channel, recipient: str, *, now_ms: int) -> None:
        """In the caller's transaction, once for each."""
        ...

    def due(self, *, now_ms: int, limit: int) -> Sequence[Batch]:
        """What is to be sent; new ones are put together by recipient first, which is kept."""
        ...

    def sent(self, batch_id: str, *, now_ms: int) -> None: ...

    def failed(self, batch_id: str, *, problem: str, next_at_ms: int | None, now_ms: int) -> None:
        """``next_at_ms`` of ``None`` gives it up."""
        ...

    def given_up(self, *, since_ms: int) -> tuple[int, str]:
        """How many since an instant, and why the last one was."""
        ...


class NotSent(Exception):
    """A message did not go out; the text says why. ``is_final`` where trying again is no use."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """``key`` names the message: sent twice, it carries the same Message-ID."""

    recipient: str
    subject: str
    text: str
    html: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailStep:
    """One step of sending: what was done, whether it went well, what the other side said."""

    name: str
    is_done: bool
    detail: str = ""


class Mailer(Protocol):
    def send(self, mail: Mail, *, note: Callable[[MailStep], None] | None = None) -> None:
        """From a worker thread; ``note`` hears of each step. Raises ``NotSent``."""
        ...


class HostNotices(Protocol):
    """The host's own ways of telling its admins."""

    async def tell(self, title: str, text: str, facts: Mapping[str, Any]) -> Sequence[MailStep]:
        """Never raises; a step for each way that was tried."""
        ...


class NoHost:
    """Where there is no host, or it has no such ways."""

    async def tell(self, title: str, text: str, facts: Mapping[str, Any]) -> Sequence[MailStep]:
        return (MailStep(name="host", is_done=False, detail="there is no host to tell"),)
