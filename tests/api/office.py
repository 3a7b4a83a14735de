"""The whole admin API in one process: real routes, services, database and simulated OpenRouter.

Only the host is made up: its dependency reads the user from a header, and its users are a list.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from peewee import Database
from pydantic import SecretStr

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.metrics import monitoring_router
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.api.usage import ALIAS, PREFIX, nothing_else_router, usage_router
from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.bootstrap.alerts import wire_alerts
from mai_usage_ext.bootstrap.billing import wire_billing
from mai_usage_ext.bootstrap.debugging import wire_debugging
from mai_usage_ext.bootstrap.exports import wire_exports
from mai_usage_ext.bootstrap.health import MeterParts, wire_health, wire_metrics
from mai_usage_ext.bootstrap.keys import wire_keys
from mai_usage_ext.bootstrap.reconciliation import wire_broadcast, wire_reconciliation
from mai_usage_ext.bootstrap.setup import wire_setup
from mai_usage_ext.bootstrap.usage import wire_usage
from mai_usage_ext.bootstrap.webhooks import wire_webhooks
from mai_usage_ext.ports import HostUser, SystemClock
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.live import LiveUsage
from mai_usage_ext.services.meter_counts import MeterCounts
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.zero_usage import ZeroUsage
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.simulator.server import SimulatorThread
from mai_usage_ext.storage.live import LiveRows
from mai_usage_ext.storage.reconciliation_models import ReconciliationRun
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.api.alarms import OLD_CALLS, fire
from tests.api.bills import bill
from tests.storage.samples import make_entry, make_hold

__all__ = ["METRICS_TOKEN", "PEOPLE", "Office", "app_of", "open_office"]

METRICS_TOKEN = SecretStr("the token of the scraper")

# Who the host knows. Eve belongs nowhere.
PEOPLE = {
    name: HostUser(id=name, name=name.title(), email=f"{name}@example.com")
    for name in ("admin", "anna", "boris", "chen", "dora", "eve")
}


class Idle:
    """A ledger with nothing to do, as the health page looks at it."""

    depth = 0
    is_alive = True
    last_error = None


async def no_key() -> None:
    """The made-up host has no connections."""


class HostPeople:
    """The host's users."""

    def find(self, user_id: str) -> HostUser | None:
        return PEOPLE.get(user_id)

    def find_by_email(self, email: str) -> HostUser | None:
        return next((user for user in PEOPLE.values() if user.email == email), None)

    def known(self, user_ids: Sequence[str]) -> dict[str, HostUser]:
        return {user_id: PEOPLE[user_id] for user_id in user_ids if user_id in PEOPLE}

    def search(self, text: str, limit: int) -> Sequence[HostUser]:
        found = [user for user in PEOPLE.values() if text.lower() in user.email]
        return found[:limit]

    def page(self, text: str, offset: int, limit: int) -> tuple[Sequence[HostUser], int]:
        found = self.search(text, len(PEOPLE))
        return found[offset : offset + limit], len(found)


@dataclass(kw_only=True)
class Office:
    """``ask`` speaks as a user, ``None`` being nobody. ``places`` are ids of what ``furnish`` made:
    of organizations by their slug, and others by what they are for."""

    client: TestClient
    app: FastAPI
    simulator: Simulator
    database: Database
    services: ApiServices
    places: dict[str, str] = field(default_factory=dict)
    # The generation that was booked last.
    _booked: str = ""
    webhook_secret: str = ""

    def ask(
        self, user: str | None, method: str, path: str, *, prefix: str = PREFIX, **options: Any
    ) -> Any:
        headers = {**({"x-user": user} if user else {}), **options.pop("headers", {})}
        return self.client.request(method, prefix + path, headers=headers, **options)

    def admin(self, method: str, path: str, *, expect: int = 200, **options: Any) -> Any:
        """What an admin is answered. Fails on any other status than expected."""
        answer = self.ask("admin", method, path, **options)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def furnish(self) -> None:
        """Organizations of Anna (manager) and Boris, of Chen (manager) and Dora, who is about to
        leave, and one without a key; a spare key, a planned price, a call booked for each."""
        for slug, name, people in (
            ("bakery", "Bäckerei <b>", ("anna", "boris")),
            ("studio", "Studio'; --", ("chen", "dora")),
            ("unkeyed", "Unkeyed", ()),
        ):
            self.places[slug] = self._make(slug, name, has_key=bool(people))
            for person, role in zip(people, ("manager", "member"), strict=False):
                self.assign(person, slug, role=role)
            self._book(self.places[slug])
        later = {"effective_from": "2999-01-01T00:00:00Z"}
        self.assign("dora", "bakery", **later)
        rule = {"client_id": self.places["bakery"], "markup_rate": "1.9", **later}
        made = self.admin("POST", "/pricing-rules", json=rule, expect=201)
        self.places |= {
            "planned_rule": str(made["rule"]["id"]),
            "leaving": "dora",
            "spare": self.spare_key(),
            "past_day": compare_since(self.database, days=5),
            **bill(self.database, self.places["bakery"]),
            "booked": self._booked,
            "soon": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        }
        self._alert(self.places["bakery"])
        self._webhook()

    def assign(self, user_id: str, slug: str, **more: Any) -> None:
        body = {"user_id": user_id, "client_org_id": self.places[slug], **more}
        self.admin("POST", "/user-mappings", json=body, expect=201)

    def spare_key(self) -> str:
        """The secret of a key at OpenRouter that no organization has."""
        keys, secret = self.simulator.service.keys, new_secret()
        keys.add(ApiKey(secret=secret, name="spare", created_at=self.simulator.service.clock()))
        return secret

    def secrets(self) -> set[str]:
        """Every key there is, of both kinds, and what signs webhooks."""
        keys = {key.secret for key in self.simulator.service.keys.inference_keys()}
        return keys | {self.simulator.management_key, self.webhook_secret}

    def _webhook(self) -> None:
        """A webhook where nobody listens, and a delivery that has failed there."""
        made = self.admin("POST", "/webhooks", json={"url": "http://127.0.0.1:9/"}, expect=201)
        self.webhook_secret = made["secret"]
        self.places["webhook"] = made["webhook"]["id"]
        tested = self.admin("POST", f"/webhooks/{self.places['webhook']}/test")
        self.places["delivery"] = str(tested["delivery"]["id"])

    def _alert(self, organization_id: str) -> None:
        """An alert of a rule about the organization, and a mute of that rule."""
        body = {**OLD_CALLS, "client_id": organization_id}
        rule = self.admin("POST", "/alerts/rules", json=body, expect=201)["rule"]
        fire(self.database, rule["id"], organization_id)
        [alert] = self.admin("GET", "/alerts")["alerts"]
        body = {"rule_id": rule["id"], "until": self.places["soon"]}
        mute = self.admin("POST", "/alerts/mutes", json=body, expect=201)["mute"]
        self.places |= {
            "alert": str(alert["id"]),
            "alert_rule": str(rule["id"]),
            "mute": str(mute["id"]),
        }

    def _make(self, slug: str, name: str, *, has_key: bool) -> str:
        body = {
            "name": name,
            "slug": slug,
            "monthly_limit": "77.123456",
            "markup_rate": "1.731",
            "notes": f"private words about {slug}",
            "provision_key": has_key,
        }
        made = self.admin("POST", "/clients", json=body, expect=201)
        return str(made["client"]["id"])

    def _book(self, organization_id: str) -> None:
        """One call this month: raw 0.000326960001 USD."""
        now = datetime.now(UTC)
        hold = make_hold(
            organization_id,
            user_id=None,
            day=now.date(),
            month=f"{now:%Y-%m}",
            at_ms=int(now.timestamp() * 1000),
        )
        writer = LedgerWriter(self.database, owner=f"office of {organization_id}")
        writer.start()
        writer.place(hold).result(10)
        entry = make_entry(hold)
        writer.settle(hold, entry).result(10)
        self._booked = entry.generation_id
        writer.stop(5)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        run: Any = self.database.execute_sql
        with session(self.database):
            names = sorted(self.database.get_tables())
            return {
                name: sorted(run(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names
            }

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing is written inside, the audit trail included."""
        before = self.tables()
        yield
        after = self.tables()
        assert {name for name in after if after[name] != before[name]} == set()


def wired(bench: Workbench, settings: Settings) -> ApiServices:
    """The services as a meter has them, without its jobs, which would write when they like."""
    clock = SystemClock()
    directory = Directory(
        bench.organization_rows,
        newcomers=bench.newcomers,
        default_id=bench.default_id,
        clock=clock,
    )
    keys, key_check = wire_keys(bench, settings, changed=directory.forget)
    reports = Reports(bench.usage, bench.holds, clock=clock)
    # Nothing is missing in the office, so nothing is ever booked.
    reconciliation = wire_reconciliation(bench, settings, Idle())  # type: ignore[arg-type]
    webhooks, deliveries = wire_webhooks(bench, settings)
    parts = MeterParts(
        ledger=Idle(),
        counts=MeterCounts(clock=clock),
        jobs=tuple,
        jobs_are_alive=lambda: True,
    )
    return ApiServices(
        directory=directory,
        reports=reports,
        usage=wire_usage(bench, price_of=lambda model: bench.stored_prices.load().get(model)),
        health=wire_health(bench, settings, parts, key_check),
        metrics=wire_metrics(bench, settings, parts),
        zero_usage=ZeroUsage(parts.counts.look, base_urls=settings.base_urls),
        debug=wire_debugging(bench, settings, key=no_key),
        organizations=bench.organizations,
        members=bench.members,
        pricing=bench.pricing,
        keys=keys,
        key_check=key_check,
        audit=bench.audit,
        live_settings=bench.live_settings,
        setup=wire_setup(bench, settings),
        # A stream ends after its first event, since the test client reads answers whole.
        live_usage=LiveUsage(
            LiveRows(bench.database),
            reports,
            organizations=bench.organization_rows,
            clock=clock,
            lifetime_s=0,
        ),
        limit_events=bench.limit_events,
        alerts=wire_alerts(bench, settings).services,
        reconciliation=reconciliation,
        broadcast=wire_broadcast(bench, settings, Idle(), reconciliation),  # type: ignore[arg-type]
        exports=wire_exports(bench),
        # No bank is asked: an office fetches nothing by itself.
        billing=wire_billing(bench, settings),
        webhooks=webhooks,
        deliveries=deliveries,
    )


def compare_since(db: Database, *, days: int) -> str:
    """As if keys had been noted for so many days; a day that can be compared."""
    today = datetime.now(UTC).date()
    query = ReconciliationRun.update(day=today - timedelta(days=days))
    with transaction(db):
        write(db, query)
    return (today - timedelta(days=2)).isoformat()


def host_user(request: Request) -> Any:
    user_id = request.headers.get("x-user")
    if not user_id:
        raise HTTPException(401, "Not authenticated")
    return SimpleNamespace(id=user_id, role="admin" if user_id == "admin" else "user")


def make_app(provide: Callable[[], ApiServices]) -> FastAPI:
    app = FastAPI()
    for prefix in (PREFIX, ALIAS):
        for router in (usage_router, admin_router):
            app.include_router(
                router(provide, verified_user=host_user, prefix=prefix, in_schema=prefix == PREFIX)
            )
        app.include_router(
            monitoring_router(
                provide,
                verified_user=host_user,
                token=METRICS_TOKEN,
                prefix=prefix,
                in_schema=prefix == PREFIX,
            )
        )
        app.include_router(nothing_else_router(prefix))
    return app


class House:
    """An app whose routes find the services of whoever lives in it."""

    def __init__(self) -> None:
        self.tenant: ApiServices | None = None
        self.app = make_app(self._services)

    def _services(self) -> ApiServices:
        assert self.tenant, "nobody lives here any more"
        return self.tenant


_vacant: list[House] = []


@contextmanager
def app_of(services: ApiServices) -> Iterator[FastAPI]:
    """An app with these services, in a house that somebody left where there is one.

    Building one takes ten times as long as most tests that need it.
    """
    house = _vacant.pop() if _vacant else House()
    house.tenant = services
    try:
        yield house.app
    finally:
        house.tenant = None
        _vacant.append(house)


@contextmanager
def open_office(url: str, environ: Mapping[str, str] | None = None) -> Iterator[Office]:
    """A running one; without a default organization unless ``environ`` says so."""
    with SimulatorThread() as simulator:
        settings = Settings.from_env(
            {
                "MAI_USAGE_DATABASE_URL": url,
                "MAI_USAGE_DEFAULT_ORGANIZATION": "off",
                "OPENROUTER_BASE_URL": simulator.url,
                "OPENROUTER_PROVISIONING_KEY": simulator.management_key,
                "WEBUI_SECRET_KEY": "the secret of the host",
                "MAI_USAGE_WEBHOOK_ALLOW": "127.0.0.1",
                "MAI_USAGE_WEBHOOK_HTTP": "true",
                **(environ or {}),
            }
        )
        bench = open_workbench(settings, users=HostPeople())
        try:
            services = wired(bench, settings)
            with (
                app_of(services) as app,
                TestClient(app, raise_server_exceptions=False) as client,
            ):
                yield Office(
                    client=client,
                    app=app,
                    simulator=simulator,
                    database=bench.database,
                    services=services,
                )
        finally:
            bench.close()
