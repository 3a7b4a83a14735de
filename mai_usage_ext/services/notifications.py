"""From an alert to those who are to know: decided once, sent until it is sent, or given up loudly.

What is sent may arrive twice, when a process dies between sending and noting it. It is the same
message then, with the same Message-ID.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Clock, OrganizationRecord, OrganizationStore, UnitOfWork
from mai_usage_ext.ports.alerts import (
    Alert,
    AlertRule,
    AlertStore,
    Batch,
    Channel,
    HostNotices,
    Mail,
    Mailer,
    MailStep,
    Mute,
    MuteStore,
    NotificationStore,
    NotSent,
    RuleLevel,
)
from mai_usage_ext.services.alert_rule_fields import checked_address
from mai_usage_ext.services.alert_rules import AlertRules
from mai_usage_ext.services.alert_texts import AlertLine, Letter, letter_of

__all__ = ["NotificationStores", "Notifications"]

_MOST_AT_ONCE = 500
_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_SPECIFIC = {RuleLevel.GLOBAL: 0, RuleLevel.ORGANIZATION: 1, RuleLevel.USER: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationStores:
    alerts: AlertStore
    mutes: MuteStore
    notifications: NotificationStore
    organizations: OrganizationStore


class Notifications:
    """``mailer`` is ``None`` without a mail server; ``addresses`` are the reseller's."""

    def __init__(
        self,
        stores: NotificationStores,
        rules: AlertRules,
        *,
        mailer: Mailer | None,
        host: HostNotices,
        addresses: Callable[[], Sequence[str]],
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._rules = rules
        self._mailer = mailer
        self._host = host
        self._addresses = addresses
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def run_once(self) -> int:
        """Decide about what is new, send what is due; how many messages went out."""
        await asyncio.to_thread(self.decide)
        now_ms = self._clock.now_ms()
        due = await asyncio.to_thread(
            self._stores.notifications.due, now_ms=now_ms, limit=_MOST_AT_ONCE
        )
        sent = 0
        for batch in due:
            sent += await self._deliver(batch)
        return sent

    def decide(self) -> None:
        """Whom to tell of each new alert, in one transaction for each."""
        untold = self._stores.alerts.untold(limit=_MOST_AT_ONCE)
        mutes = self._stores.mutes.all() if untold else ()
        for alert in untold:
            with self._unit_of_work():
                self._decide(alert, mutes)

    def trouble(self) -> str | None:
        """A sentence about messages that were given up within a day. Raises nothing."""
        try:
            count, reason = self._stores.notifications.given_up(
                since_ms=self._clock.now_ms() - _DAY_MS
            )
        except StorageUnavailable:
            return None
        return f"{count} alerts reached nobody, the last one because {reason}" if count else None

    async def test(self, channel: Channel, recipient: object) -> Sequence[MailStep]:
        """Send a message that says it is a test, now. Raises ``BadInput``."""
        title = "[mAI Usage] This is a test"
        text = "This is a test: alerts of mAI Usage arrive here.\n"
        if channel is Channel.HOST:
            return await self._host.tell(title, text, {"kind": "test"})
        address = checked_address(recipient, field="to")
        if self._mailer is None:
            detail = "no mail server is configured: MAI_USAGE_SMTP_URL is empty"
            return [MailStep(name="configuration", is_done=False, detail=detail)]
        steps: list[MailStep] = []
        mail = Mail(
            recipient=address,
            subject=title,
            text=text,
            html="<p>This is a test: alerts of mAI Usage arrive here.</p>",
            key=f"test-{self._clock.now_ms()}",
        )
        try:
            await asyncio.to_thread(self._mailer.send, mail, note=steps.append)
        except NotSent as error:
            if all(step.is_done for step in steps):
                steps.append(MailStep(name="sending", is_done=False, detail=str(error)))
        return steps

    def _decide(self, alert: Alert, mutes: Sequence[Mute]) -> None:
        rules = self._rules.current
        rule = next((one for one in rules if one.id == alert.rule_id), None)
        if rule is None or not rule.is_enabled:
            rule = _rule_for(alert, rules)
        rule_id = None if rule is None else rule.id
        is_muted = any(
            mute.silences(rule_id, alert.organization_id, at_ms=alert.at_ms) for mute in mutes
        )
        now_ms = self._clock.now_ms()
        is_mine = self._stores.alerts.told(alert.id, rule=rule, is_muted=is_muted, now_ms=now_ms)
        if rule is None or is_muted or not is_mine:
            return
        if Channel.HOST in rule.channels:
            self._stores.notifications.add(alert.id, Channel.HOST, "", now_ms=now_ms)
        if Channel.EMAIL in rule.channels and self._mailer is not None:
            for address in self._recipients(rule, alert):
                self._stores.notifications.add(alert.id, Channel.EMAIL, address, now_ms=now_ms)

    def _recipients(self, rule: AlertRule, alert: Alert) -> list[str]:
        found = [*self._addresses(), *rule.emails]
        if rule.notify_organization:
            record = self._organization(alert.organization_id)
            found += _addresses_of(record) if record is not None else ()
        return list(dict.fromkeys(found))

    def _organization(self, organization_id: str) -> OrganizationRecord | None:
        return self._stores.organizations.record(organization_id, at_ms=self._clock.now_ms())

    async def _deliver(self, batch: Batch) -> bool:
        try:
            if batch.alerts:
                await self._send(batch)
        except NotSent as error:
            await asyncio.to_thread(self._failed, batch, error)
            return False
        now_ms = self._clock.now_ms()
        await asyncio.to_thread(self._stores.notifications.sent, batch.id, now_ms=now_ms)
        return True

    async def _send(self, batch: Batch) -> None:
        lines = await asyncio.to_thread(self._lines, batch.alerts)
        letter = letter_of(lines)
        if batch.channel is Channel.HOST:
            await self._tell_host(letter, lines)
            return
        if self._mailer is None:
            raise NotSent("no mail server is configured: MAI_USAGE_SMTP_URL is empty")
        mail = Mail(
            recipient=batch.recipient,
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            key=batch.id,
        )
        await asyncio.to_thread(self._mailer.send, mail)

    async def _tell_host(self, letter: Letter, lines: Sequence[AlertLine]) -> None:
        steps = await self._host.tell(letter.subject, letter.text, _facts(lines))
        # Nobody has to have asked the host for messages: that is no failure, and known then.
        for step in steps:
            if not step.is_done:
                tally.add(f"alerts not told by the host: {step.name}")

    def _lines(self, alerts: Sequence[Alert]) -> list[AlertLine]:
        names: dict[str, str] = {}
        for alert in alerts:
            if alert.organization_id not in names:
                record = self._organization(alert.organization_id)
                names[alert.organization_id] = record.name if record else alert.organization_id
        return [AlertLine(alert, names[alert.organization_id]) for alert in alerts]

    def _failed(self, batch: Batch, error: NotSent) -> None:
        now_ms = self._clock.now_ms()
        is_lost = error.is_final or now_ms - batch.created_at_ms >= _DAY_MS
        next_at_ms = None if is_lost else now_ms + _delay_ms(batch.attempts)
        self._stores.notifications.failed(
            batch.id, problem=str(error), next_at_ms=next_at_ms, now_ms=now_ms
        )
        if is_lost:
            tally.warn("alert messages given up", f"a message of alerts was given up: {error}")
        else:
            tally.warn("alert messages not sent", f"a message of alerts has to wait: {error}")


def _rule_for(alert: Alert, rules: Sequence[AlertRule]) -> AlertRule | None:
    """The most specific rule for an alert that names none, or one that is gone."""
    fitting = [
        rule
        for rule in rules
        if rule.is_enabled
        and alert.kind in rule.kind.alerts
        and rule.is_about(alert.organization_id, alert.user_id)
    ]
    return max(fitting, key=lambda rule: (_SPECIFIC[rule.level], -rule.id), default=None)


def _addresses_of(record: OrganizationRecord) -> list[str]:
    """What an envelope can carry of the organization's own addresses."""
    found = []
    for address in (
        record.billing_email,
        *(contact.get("email", "") for contact in record.contacts),
    ):
        if not address:
            continue
        try:
            found.append(checked_address(address, field="billing_email"))
        except ValueError:
            tally.warn(
                "addresses not usable",
                f"an address of the organization {record.id} cannot get e-mail",
            )
    return found


def _delay_ms(attempts: int) -> int:
    """A minute, then twice as long each time, an hour at most."""
    doubled: int = _MINUTE_MS * 2 ** min(attempts, 10)
    return min(doubled, _HOUR_MS)


def _facts(lines: Sequence[AlertLine]) -> Mapping[str, Any]:
    return {
        "alerts": [
            {
                "id": line.alert.id,
                "kind": line.alert.kind,
                "severity": line.alert.severity.value,
                "client_id": line.alert.organization_id,
                "user_id": line.alert.user_id,
                "text": line.sentence,
            }
            for line in lines
        ]
    }
