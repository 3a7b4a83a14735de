"""Alerts over a real database, with clocks of the test's and mail that is kept or refused."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from peewee import Database

from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Actor, AuditFilter
from mai_usage_ext.ports.alerts import Alert, AlertFilter, Mail, Mailer, MailStep, NotSent
from mai_usage_ext.services.alert_rules import AlertRules
from mai_usage_ext.services.alerting import Alerting
from mai_usage_ext.services.alerts import Alerts
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.notifications import Notifications, NotificationStores
from mai_usage_ext.storage.alert_facts import AlertFactRows
from mai_usage_ext.storage.alert_notifications import NotificationRows
from mai_usage_ext.storage.alert_rules import AlertRuleRows, MuteRows
from mai_usage_ext.storage.alerts import AlertRows
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.changes import Settle
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.sessions import transaction, write
from tests.storage.samples import make_entry, make_hold

PICO = 10**12
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOON = 1_768_910_400_000  # 2026-01-20 12:00 UTC, a Tuesday
ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")


class HandClock:
    def __init__(self) -> None:
        self.at_ms = NOON

    def now_ms(self) -> int:
        return self.at_ms

    def set(self, text: str) -> None:
        self.at_ms = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Postbox:
    """Keeps what is sent; raises ``problem`` while there is one."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.problem: NotSent | None = None

    def send(self, mail: Mail, *, note: Callable[[MailStep], None] | None = None) -> None:
        if self.problem is not None:
            raise self.problem
        self.mails.append(mail)


class Host:
    """Keeps what the host's admins would be told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []

    async def tell(self, title: str, text: str, facts: Mapping[str, Any]) -> Sequence[MailStep]:
        self.told.append((title, facts))
        return (MailStep(name="host", is_done=True),)


class AlertRig:
    def __init__(self, db: Database, *, mailer: Mailer | None = None) -> None:
        self.db = db
        self.clock, self.postbox, self.host = HandClock(), Postbox(), Host()
        self.addresses = ["ops@example.com"]
        self.thresholds: tuple[int, ...] = (80, 100)
        self.organizations = OrganizationRows(db)
        self.audit = Audit(AuditRows(db), clock=self.clock)
        common: dict[str, Any] = {
            "audit": self.audit,
            "unit_of_work": lambda: transaction(db),
            "clock": self.clock,
        }
        self.rules = AlertRules(
            AlertRuleRows(db),
            default_thresholds=lambda: self.thresholds,
            organization_exists=lambda one: self.organizations.get(one, at_ms=0) is not None,
            **common,
        )
        self.rules.reload()
        self.store, mutes = AlertRows(db), MuteRows(db)
        self.alerts = Alerts(self.store, mutes, self.rules, **common)
        self.alerting = Alerting(
            self.rules,
            self.store,
            AlertFactRows(db),
            events=LimitEventRows(db),
            clock=self.clock,
        )
        self.notifications = Notifications(
            NotificationStores(
                alerts=self.store,
                mutes=mutes,
                notifications=NotificationRows(db),
                organizations=self.organizations,
            ),
            self.rules,
            mailer=mailer or self.postbox,
            host=self.host,
            addresses=lambda: self.addresses,
            unit_of_work=lambda: transaction(db),
            clock=self.clock,
        )
        self.commit = GroupCommit(db, marks=self.rules.marks)

    def organization(self, name: str = "Acme", *, zone: str = "UTC", **columns: Any) -> str:
        made = self.organizations.create(
            name=name, time_zone=zone, rate_micro=1_300_000, billing_currency="USD", now_ms=0
        )
        if columns:
            query = ClientOrganization.update(**columns).where(ClientOrganization.id == made.id)
            with transaction(self.db):
                write(self.db, query)
        return made.id

    def only(self, kind: str, **fields: Any) -> int:
        """Disable the built-in rules; the id of a new one."""
        for rule in self.rules.all():
            self.rules.change(rule.id, {"is_enabled": False}, actor=ADMIN)
        return self.add(kind, **fields)

    def add(self, kind: str, **fields: Any) -> int:
        return self.rules.create({"name": kind, "kind": kind, **fields}, actor=ADMIN).id

    def spend(
        self, organization_id: str, usd: str, *, day: date | None = None, user: str = "ada"
    ) -> None:
        """One call of that cost, today by default."""
        organization = self.organizations.get(organization_id, at_ms=self.clock.at_ms)
        assert organization is not None
        day = day or billing_day(self.clock.at_ms, organization.time_zone)
        whole, _, rest = usd.partition(".")
        cost = int(whole) * PICO + int(rest.ljust(12, "0"))
        hold = make_hold(organization_id, user_id=user, day=day, month=f"{day:%Y-%m}")
        self.commit.commit(
            [Settle(hold, make_entry(hold, billed_pusd=cost))], now_ms=self.clock.at_ms
        )

    def found(self, **wanted: Any) -> list[Alert]:
        """Oldest first."""
        alerts, _ = self.store.page(AlertFilter(**wanted), offset=0, limit=200)
        return list(alerts)[::-1]

    def look(self) -> list[str]:
        """A look at everything; the kinds and states of all alerts, oldest first."""
        self.alerting.look()
        return [f"{alert.kind} {alert.state}" for alert in self.found()]

    def events(self) -> list[str]:
        return [f"{event.kind} {event.subject}" for event in EventRows(self.db).after(0, limit=99)]

    def actions(self) -> list[str]:
        records, _ = self.audit.page(AuditFilter(), offset=0, limit=1000)
        return [record.action for record in records][::-1]
