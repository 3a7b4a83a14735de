"""Events, their endpoints and deliveries over a real database, with a clock that is set by hand."""

from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from mai_usage_ext.channels.addresses import AddressRules
from mai_usage_ext.ports import Actor, AuditFilter, AuditRecord
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.ports.webhooks import (
    Answered,
    Delivery,
    DeliveryFilter,
    Endpoint,
    WebhookChannel,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.deliveries import Deliveries
from mai_usage_ext.services.webhooks import NewSecret, Webhooks
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.vault import KeyRing
from mai_usage_ext.storage.webhook_deliveries import DeliveryRows
from mai_usage_ext.storage.webhook_endpoints import EndpointRows
from tests.channels.receiver import local_sender

ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")
NOON = 1_781_524_800_000  # 2026-06-15T12:00 UTC
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
VAULT = KeyRing(["a key to seal with"])
URL = "https://hooks.example.com/"
OK = Answered(status=200, duration_ms=5)
AWAY = Answered(status=None, duration_ms=3, problem="no answer in time")


@dataclass
class HandClock:
    at_ms: int = NOON

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class Scripted:
    """A channel that answers what ``says`` holds for a URL; ``sent`` are URL and event id."""

    says: dict[str, Answered] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    signed_by: list[tuple[str, ...]] = field(default_factory=list)

    async def send(self, url: str, message: Any, *, secrets: Any, at_ms: int) -> Answered:
        self.sent.append((url, message.id))
        self.signed_by.append(tuple(secrets))
        return self.says.get(url, OK)


@dataclass
class WebhookRig:
    """``another()`` is a second process over the same database."""

    db: Database
    clock: HandClock = field(default_factory=HandClock)
    channel: WebhookChannel = field(default_factory=local_sender)

    def __post_init__(self) -> None:
        self.events = EventRows(self.db)
        self.endpoints = EndpointRows(self.db, VAULT)
        self.rows = DeliveryRows(self.db, VAULT)
        self.organizations = OrganizationRows(self.db)
        self.audit = Audit(AuditRows(self.db), clock=self.clock)
        common: dict[str, Any] = {
            "audit": self.audit,
            "unit_of_work": lambda: transaction(self.db),
            "clock": self.clock,
        }
        self.webhooks = Webhooks(
            self.endpoints,
            self.rows,
            rules=AddressRules(
                ["127.0.0.1"], allows_http=True, lookup=lambda *_: ["93.184.215.14"]
            ),
            organizations=self.organizations,
            **common,
        )
        self.deliveries = Deliveries(
            self.rows,
            self.endpoints,
            self.channel,
            source="urn:test",
            keep_days=35,
            poll_s=0.05,
            **common,
        )

    def another(self, channel: WebhookChannel | None = None) -> "WebhookRig":
        return WebhookRig(self.db, clock=self.clock, channel=channel or self.channel)

    def endpoint(self, url: str = URL, **fields: Any) -> Endpoint:
        return self.new(url, **fields).endpoint

    def new(self, url: str = URL, **fields: Any) -> NewSecret:
        return self.webhooks.create({"url": url, **fields}, actor=ADMIN)

    def happens(
        self,
        subject: str,
        kind: EventKind = EventKind.DAY_SEALED,
        *,
        organization_id: str | None = None,
        **data: Any,
    ) -> None:
        self.events.add(
            kind,
            subject=subject,
            at_ms=self.clock.at_ms,
            data=data,
            organization_id=organization_id,
        )

    def pass_time(self, ms: int) -> None:
        self.clock.at_ms += ms

    async def round(self) -> int:
        """What the jobs do; how many attempts."""
        self.deliveries.spread_events()
        return await self.deliveries.run_once()

    def log(self, endpoint: Endpoint, **wanted: Any) -> list[Delivery]:
        """Oldest first."""
        found, total = self.rows.page(endpoint.id, DeliveryFilter(**wanted), offset=0, limit=1000)
        assert len(found) == total
        return list(found)[::-1]

    def states(self, endpoint: Endpoint) -> list[str]:
        return [delivery.state.value for delivery in self.log(endpoint)]

    def trail(self) -> list[AuditRecord]:
        """Oldest first."""
        return list(self.audit.page(AuditFilter(), offset=0, limit=1000)[0])[::-1]

    def again(self, endpoint: Endpoint) -> Endpoint:
        """As it is now."""
        return self.webhooks.get(endpoint.id)


def script(rig: WebhookRig) -> Scripted:
    assert isinstance(rig.channel, Scripted)
    return rig.channel
