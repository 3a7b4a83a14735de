"""Statements, the rates they are converted with, and the jobs that look after both."""

from collections.abc import Mapping
from typing import Any

from mai_usage_ext.api.services import BillingServices
from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.papers.statement import StatementPaper
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.ports.rates import RateKind, RateSource
from mai_usage_ext.ports.statements import Seller
from mai_usage_ext.rates.ecb import EcbRates
from mai_usage_ext.rates.nbp import NbpRates
from mai_usage_ext.services.closing_conditions import ClosingConditions
from mai_usage_ext.services.rates import Rates
from mai_usage_ext.services.setting_values import Effective
from mai_usage_ext.services.statement_closing import StatementClosing
from mai_usage_ext.services.statements import SellerFacts, Statements
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.clock import EarlierClock
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.rate_rows import RateRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.statement_rows import StatementRows
from mai_usage_ext.storage.usage_lines import UsageLineRows

__all__ = ["wire_billing"]


def wire_billing(
    bench: Workbench,
    settings: Settings,
    *,
    sources: Mapping[RateKind, RateSource] | None = None,
) -> BillingServices:
    """``sources`` are the banks, unless others are given."""
    # A month is not over before the database's clock says so too.
    clock = EarlierClock(bench.database, SystemClock())
    live, rows = bench.live_settings, StatementRows(bench.database)
    common: dict[str, Any] = {
        "audit": bench.audit,
        "unit_of_work": bench.unit_of_work,
        "clock": clock,
    }
    if sources is None:
        sources = {RateKind.ECB: EcbRates(), RateKind.NBP: NbpRates()}
    rates = Rates(
        RateRows(bench.database),
        sources,
        kind_of=lambda currency: _kind_of(live.current, currency),
        **common,
    )
    conditions = ClosingConditions(
        rows,
        ReconciliationRows(bench.database),
        grace_ms=settings.seal_grace_ms,
        management_key=lambda: live.current.provisioning_key,
    )
    statements = Statements(
        rows,
        UsageLineRows(bench.database),
        organizations=bench.organization_rows,
        conditions=conditions,
        rates=rates,
        events=EventRows(bench.database),
        facts=lambda: _facts(live.current),
        **common,
    )
    closing = StatementClosing(
        statements,
        organizations=bench.organization_rows,
        since=lambda: live.current.auto_close_statements,
        clock=clock,
    )
    return BillingServices(
        statements=statements, rates=rates, closing=closing, printer=StatementPaper()
    )


def _kind_of(current: Effective, currency: str) -> RateKind:
    """What the settings say, else the bank that is at home there."""
    chosen = dict(current.fx_sources).get(currency)
    return chosen or (RateKind.NBP if currency == "PLN" else RateKind.ECB)


def _facts(current: Effective) -> SellerFacts:
    seller = Seller(
        name=current.seller_name,
        address=current.seller_address,
        tax_id=current.seller_tax_id,
        email=current.seller_email,
        note=current.seller_note,
    )
    return SellerFacts(seller=seller, prefix=current.statement_prefix, time_zone=current.time_zone)
