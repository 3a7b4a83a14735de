"""What the reseller's office does in the golden year: it notes rates and closes statements."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from peewee import Database

from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.rates import FxRate, RateKind
from mai_usage_ext.ports.statements import Seller, Statement
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.closing_conditions import ClosingConditions
from mai_usage_ext.services.rates import Rates
from mai_usage_ext.services.statements import SellerFacts, Statements
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.rate_rows import RateRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.statement_rows import StatementRows
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.golden.plan import FIRST, ORGANIZATIONS
from tests.golden.stage import SimulatedClock

__all__ = ["ADMIN", "Books", "quoted"]

ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")
_DAY = timedelta(days=1)
_GRACE_MS = 30 * 60_000
_FRIDAY = 4


def quoted(currency: str, *, through: date) -> Iterator[tuple[date, Decimal]]:
    """Units for one USD, oldest first: of the zloty on every working day, as a bank has it; of the
    dollar of New Zealand as an admin enters it, some days before the end of each month or on it."""
    day = FIRST
    while day <= through:
        n = day.toordinal()
        is_near_the_end = (day + _DAY * (1 + day.month % 4)).day == 1
        if currency == "PLN" and day.weekday() <= _FRIDAY:
            yield day, Decimal(38_800 + n * 7_919 % 2_600).scaleb(-4)
        elif currency == "NZD" and is_near_the_end:
            yield day, Decimal(1_600_000_000_001 + n * 104_729 % 90_000_000_000).scaleb(-12)
        day += _DAY


class Books:
    """The statements of one database, with a clock of their own."""

    def __init__(self, db: Database, *, clock: SimulatedClock) -> None:
        common: dict[str, Any] = {
            "audit": Audit(AuditRows(db), clock=clock),
            "unit_of_work": lambda: transaction(db),
            "clock": clock,
        }
        kinds = {"PLN": RateKind.NBP}
        self._clock = clock
        self._rate_rows = RateRows(db)
        self.rows = StatementRows(db)
        self.rates = Rates(
            self._rate_rows,
            {},
            kind_of=lambda currency: kinds.get(currency, RateKind.MANUAL),
            **common,
        )
        self.statements = Statements(
            self.rows,
            UsageLineRows(db),
            organizations=OrganizationRows(db),
            conditions=ClosingConditions(
                self.rows,
                ReconciliationRows(db),
                grace_ms=_GRACE_MS,
                management_key=lambda: None,
            ),
            rates=self.rates,
            events=EventRows(db),
            facts=lambda: SellerFacts(
                seller=Seller(name="Golden Reseller"), prefix="G", time_zone="UTC"
            ),
            **common,
        )

    def close_due(self, ids: Mapping[str, str]) -> list[Statement]:
        """The statements whose day today is; ``ids`` are by the organizations' names."""
        today = self._clock.now.date()
        month = today.replace(day=1) - _DAY
        due = [one for one in ORGANIZATIONS if one.closed_on == today.day and month >= FIRST]
        if due:
            self._note_rates(month.replace(day=1), today)
        return [self.statements.close(ids[one.name], f"{month:%Y-%m}", actor=ADMIN) for one in due]

    def _note_rates(self, first: date, today: date) -> None:
        for day, rate in quoted("NZD", through=today):
            if day >= first:
                self.rates.enter(currency="NZD", day=day, rate=str(rate), actor=ADMIN)
        now_ms = int(datetime.combine(today, datetime.min.time(), UTC).timestamp() * 1000)
        self._rate_rows.put(
            [
                FxRate(
                    currency="PLN",
                    day=day,
                    source=RateKind.NBP,
                    rate=rate,
                    note="NBP table",
                    fetched_at_ms=now_ms,
                )
                for day, rate in quoted("PLN", through=today)
                if day >= first
            ]
        )
