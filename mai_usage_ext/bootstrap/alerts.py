"""Alerts: their rules, the look once a minute, and the messages."""

from dataclasses import dataclass

from mai_usage_ext.api.services import AlertServices
from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.channels.email import SmtpMailer, mail_place
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.ports.alerts import HostNotices, NoHost
from mai_usage_ext.services.alerting import Alerting
from mai_usage_ext.services.alerts import Alerts
from mai_usage_ext.services.notifications import Notifications, NotificationStores
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.alert_facts import AlertFactRows
from mai_usage_ext.storage.alert_notifications import NotificationRows
from mai_usage_ext.storage.alert_rules import MuteRows
from mai_usage_ext.storage.alerts import AlertRows
from mai_usage_ext.storage.limit_events import LimitEventRows

__all__ = ["AlertWork", "wire_alerts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWork:
    """What the routes call, and the job that looks once a minute."""

    services: AlertServices
    alerting: Alerting


def wire_alerts(
    bench: Workbench, settings: Settings, *, host: HostNotices | None = None
) -> AlertWork:
    database, clock = bench.database, SystemClock()
    store, mutes, rules = AlertRows(database), MuteRows(database), bench.alert_rules
    notifications = Notifications(
        NotificationStores(
            alerts=store,
            mutes=mutes,
            notifications=NotificationRows(database),
            organizations=bench.organization_rows,
        ),
        rules,
        mailer=_mailer(settings),
        host=host or NoHost(),
        addresses=lambda: bench.live_settings.current.alert_emails,
        unit_of_work=bench.unit_of_work,
        clock=clock,
    )
    alerts = Alerts(
        store,
        mutes,
        rules,
        audit=bench.audit,
        unit_of_work=bench.unit_of_work,
        clock=clock,
    )
    alerting = Alerting(
        rules,
        store,
        AlertFactRows(database),
        events=LimitEventRows(database),
        clock=clock,
    )
    services = AlertServices(rules=rules, alerts=alerts, notifications=notifications)
    return AlertWork(services=services, alerting=alerting)


def _mailer(settings: Settings) -> SmtpMailer | None:
    if settings.smtp_url is None:
        return None
    place = mail_place(settings.smtp_url.get_secret_value())
    return SmtpMailer(place, sender=settings.smtp_from)
