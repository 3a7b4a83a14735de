"""Statements on a database, with a clock to turn, calls to book and days to seal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from peewee import Database

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.ports import Actor, AuditFilter
from mai_usage_ext.ports.events import UsageEvent
from mai_usage_ext.ports.rates import QuotedRate, RateKind
from mai_usage_ext.ports.statements import Seller, Statement
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.closing_conditions import ClosingConditions
from mai_usage_ext.services.rates import Rates
from mai_usage_ext.services.statement_closing import StatementClosing
from mai_usage_ext.services.statements import SellerFacts, Statements
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.rate_rows import RateRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.reconciliation_models import ReconciliationRun
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.statement_rows import StatementRows
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.storage.daily import book, entry_on

ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")
GRACE_MS = 3_600_000


@dataclass
class Bank:
    """Publishes what it is given."""

    rates: Sequence[QuotedRate] = ()
    is_away: bool = False
    asked: list[tuple[Sequence[str], date, date]] = field(default_factory=list)

    async def published(
        self, currencies: Sequence[str], *, since: date, today: date
    ) -> Sequence[QuotedRate]:
        self.asked.append((list(currencies), since, today))
        if self.is_away:
            raise UpstreamError("it answered 503", status=503)
        return [
            one for one in self.rates if one.currency in currencies and since <= one.day <= today
        ]


class Billing:
    """``at`` turns the clock; without a ``management_key`` there is nothing to compare with."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = datetime(2026, 2, 3, 12, tzinfo=UTC)
        self.management_key: str | None = None
        self.kinds: dict[str, RateKind] = {}
        self.since: str | None = None
        self.facts = SellerFacts(
            seller=Seller(name="Reseller", tax_id="1"), prefix="S", time_zone="UTC"
        )
        self.ecb, self.nbp = Bank(), Bank()
        self.organizations = OrganizationRows(db)
        self.rows, self.runs = StatementRows(db), ReconciliationRows(db)
        self.audit = Audit(AuditRows(db), clock=self)
        self.events = EventRows(db)
        common: dict[str, Any] = {
            "audit": self.audit,
            "unit_of_work": lambda: transaction(db),
            "clock": self,
        }
        self.rates = Rates(
            RateRows(db),
            {RateKind.ECB: self.ecb, RateKind.NBP: self.nbp},
            kind_of=lambda currency: self.kinds.get(currency, RateKind.MANUAL),
            **common,
        )
        self.statements = Statements(
            self.rows,
            UsageLineRows(db),
            organizations=self.organizations,
            conditions=ClosingConditions(
                self.rows,
                self.runs,
                grace_ms=GRACE_MS,
                management_key=lambda: self.management_key,
            ),
            rates=self.rates,
            events=self.events,
            facts=lambda: self.facts,
            **common,
        )
        self.closing = StatementClosing(
            self.statements,
            organizations=self.organizations,
            since=lambda: self.since,
            clock=self,
        )

    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def at(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def make(
        self, name: str = "Acme", *, zone: str = "UTC", currency: str = "USD", **columns: Any
    ) -> str:
        """An organization that was there in January."""
        began = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
        made = self.organizations.create(
            name=name,
            time_zone=zone,
            rate_micro=1_300_000,
            billing_currency=currency,
            now_ms=began,
            **columns,
        )
        return made.id

    def use(self, organization: str, day: str, billed_pusd: int, **changes: Any) -> None:
        """One call, booked now."""
        changes.setdefault("booked_at_ms", self.now_ms())
        entry = entry_on(organization, date.fromisoformat(day), billed_pusd=billed_pusd, **changes)
        assert book(self.db, entry) == [True]

    def seal(self, organization: str, *days: str) -> None:
        for day in days:
            sealed = SealRows(self.db).seal(
                organization, date.fromisoformat(day), now_ms=self.now_ms()
            )
            assert sealed

    def close(self, organization: str, month: str, **options: Any) -> Statement:
        return self.statements.close(organization, month, actor=ADMIN, **options)

    def enter(self, currency: str, day: str, rate: str) -> None:
        self.rates.enter(currency=currency, day=date.fromisoformat(day), rate=rate, actor=ADMIN)

    def compare(self, first: str, last: str, *, next_at_ms: int | None = None) -> None:
        """As if these UTC days had been compared with OpenRouter's figures, to their end."""
        run: Any = ReconciliationRun
        day = date.fromisoformat(first)
        with transaction(self.db):
            while day <= date.fromisoformat(last):
                row = {"started_at_ms": 1, "finished_at_ms": 2, "next_at_ms": next_at_ms}
                query = run.insert(day=day, **row)
                write(self.db, query.on_conflict(conflict_target=[run.day], update=row))
                day += timedelta(days=1)

    def keys_since(self, day: str) -> None:
        """As if keys had been noted from this day on."""
        with transaction(self.db):
            write(self.db, ReconciliationRun.update(day=date.fromisoformat(day)))

    def told(self) -> Sequence[UsageEvent]:
        return self.events.after(0, limit=100)

    def audited(self, action: str) -> list[Mapping[str, Any]]:
        found, _ = self.audit.page(AuditFilter(action=action), offset=0, limit=100)
        return [record.after or {} for record in reversed(found)]


def usd(text: str) -> int:
    return int(Decimal(text).scaleb(12))
