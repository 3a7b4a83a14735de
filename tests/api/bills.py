"""What a furnished office has billed before."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from peewee import Database

from mai_usage_ext.ports.rates import FxRate, RateKind
from mai_usage_ext.services.statement_months import month_after
from mai_usage_ext.storage.rate_rows import RateRows
from mai_usage_ext.storage.statement_rows import StatementRows
from tests.papers.samples import make_line, make_statement

__all__ = ["bill"]


def bill(db: Database, organization_id: str) -> dict[str, str]:
    """A statement of some months ago and a rate, as if an admin had made them; the places of the
    statement, and of the month after it, which is over."""
    closed = f"{datetime.now(UTC).date() - timedelta(days=95):%Y-%m}"
    made = make_statement(
        make_line("acme/model-1", 5_000_000_000, month=closed),
        id="5" * 32,
        number="S2000-0001",
        organization_id=organization_id,
        month=closed,
    )
    StatementRows(db).add(made, year=2000, serial=1)
    rate = FxRate(
        currency="CHF",
        day=date(2026, 1, 30),
        source=RateKind.MANUAL,
        rate=Decimal("0.77"),
        note="",
        fetched_at_ms=0,
    )
    RateRows(db).put([rate])
    return {"statement": made.id, "closed_month": closed, "open_month": month_after(closed)}
