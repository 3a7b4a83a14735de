"""The stores and services of one database, without a meter: for a meter, a command or a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.ports import AnybodyIsKnown, HostUsers, SystemClock, UnitOfWork, Vault
from mai_usage_ext.services.alert_rules import AlertRules
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.limit_events import LimitEvents
from mai_usage_ext.services.live_settings import LiveSettings
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.newcomers import Newcomers
from mai_usage_ext.services.organizations import OrganizationDefaults, Organizations
from mai_usage_ext.services.pricing import Pricing
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.alert_rules import AlertRuleRows
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.keys import KeyRows
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.model_prices import StoredPriceRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.settings import SettingRows
from mai_usage_ext.storage.urls import url_beside
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.vault import vault_of
from mai_usage_ext.version import __version__

__all__ = ["Workbench", "database_for", "open_workbench"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Everything that needs a database and no thread, no event loop and no host."""

    database: Any
    default_id: str | None
    vault: Vault
    unit_of_work: UnitOfWork
    users: HostUsers
    # stores
    organization_rows: OrganizationRows
    key_rows: KeyRows
    stored_prices: StoredPriceRows
    holds: HoldRows
    usage: UsageRows
    # services
    audit: Audit
    live_settings: LiveSettings
    limit_events: LimitEvents
    alert_rules: AlertRules
    organizations: Organizations
    members: Members
    newcomers: Newcomers
    pricing: Pricing

    def close(self) -> None:
        close_database(self.database)


def database_for(settings: Settings, host_database_url: str | None) -> tuple[str, bool, str]:
    """URL of our tables, whether the database is ours alone, and the variable that named it."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return url, url != host_database_url, "MAI_USAGE_DATABASE_URL"
    if host_database_url is None:
        raise ConfigurationError.of(
            "MAI_USAGE_DATABASE_URL", got="", expected="sqlite:///path or postgresql://…"
        )
    return url_beside(host_database_url, setting="DATABASE_URL"), True, "DATABASE_URL"


def open_workbench(
    settings: Settings,
    *,
    host_database_url: str | None = None,
    prototype: bool = False,
    users: HostUsers | None = None,
    on_change: Callable[[], None] | None = None,
    on_commit: Callable[[], None] | None = None,
) -> Workbench:
    """Open the database, migrate it, and make the built-in organizations.

    ``users`` are the host's, everybody where there is no host; ``on_change`` is told of changed
    members, ``on_commit`` of every unit of work that was committed. Raises ``ConfigurationError``,
    ``SchemaMismatch``, ``MigrationFailed``, ``PrototypePresent`` or ``StorageUnavailable``.
    """
    url, owned, setting = database_for(settings, host_database_url)
    database = open_database(url, owned=owned, setting=setting)
    Migrator(database, version=__version__, prototype_in_host=prototype).up()
    return _workbench(database, settings, users or AnybodyIsKnown(), on_change, on_commit)


def _workbench(
    database: Any,
    settings: Settings,
    users: HostUsers,
    on_change: Callable[[], None] | None,
    on_commit: Callable[[], None] | None,
) -> Workbench:
    clock, vault = SystemClock(), vault_of(settings)
    organization_rows = OrganizationRows(database, vault=vault)
    default_id = organization_rows.ensure_builtin(
        default_name=settings.default_organization,
        time_zone=settings.time_zone,
        rate_micro=settings.default_rate_micro,
        billing_currency=settings.billing_currency,
        now_ms=clock.now_ms(),
    )

    @contextmanager
    def unit_of_work() -> Iterator[None]:
        # What is inside another one is not committed yet when it ends.
        is_outermost = not database.in_transaction()
        with transaction(database):
            yield
        if is_outermost and on_commit is not None:
            on_commit()

    audit = Audit(AuditRows(database), clock=clock)
    common: dict[str, Any] = {"audit": audit, "unit_of_work": unit_of_work, "clock": clock}
    live = LiveSettings(
        SettingRows(database),
        settings=settings,
        vault=vault,
        organization_exists=lambda one: (
            organization_rows.get(one, at_ms=clock.now_ms()) is not None
        ),
        **common,
    )
    live.reload()
    people: dict[str, Any] = {
        "store": MemberRows(database),
        "organizations": organization_rows,
        "users": users,
        "default_id": default_id,
        **common,
    }
    events, price_rows = LimitEventRows(database), PriceRows(database)
    alert_rules = AlertRules(
        AlertRuleRows(database),
        default_thresholds=lambda: live.current.alert_thresholds,
        organization_exists=lambda one: (
            organization_rows.get(one, at_ms=clock.now_ms()) is not None
        ),
        **common,
    )
    alert_rules.reload()
    return Workbench(
        database=database,
        default_id=default_id,
        vault=vault,
        unit_of_work=unit_of_work,
        users=users,
        organization_rows=organization_rows,
        key_rows=KeyRows(database, vault),
        stored_prices=StoredPriceRows(database),
        holds=HoldRows(database),
        usage=UsageRows(database),
        audit=audit,
        live_settings=live,
        limit_events=LimitEvents(events),
        alert_rules=alert_rules,
        organizations=Organizations(
            organization_rows,
            prices=price_rows,
            events=events,
            defaults=lambda: _defaults(live),
            marks=alert_rules.marks,
            **common,
        ),
        members=Members(on_change=on_change, **people),
        newcomers=Newcomers(rules=lambda: live.current.assignment_rules, **people),
        pricing=Pricing(price_rows, organizations=organization_rows, **common),
    )


def _defaults(live: LiveSettings) -> OrganizationDefaults:
    current = live.current
    return OrganizationDefaults(
        rate_micro=current.default_rate_micro,
        billing_currency=current.billing_currency,
        time_zone=current.time_zone,
    )
