"""Made-up statements."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from mai_usage_ext.metering.currencies import converted
from mai_usage_ext.ports.rates import FxRate, RateKind
from mai_usage_ext.ports.statements import (
    Amounts,
    Buyer,
    LineKind,
    Seller,
    Statement,
    StatementLine,
)

NBP = FxRate(
    currency="PLN",
    day=date(2026, 1, 30),
    source=RateKind.NBP,
    rate=Decimal("3.5873"),
    note="NBP table 020/C/NBP/2026, selling rate",
    fetched_at_ms=0,
)


def make_line(model: str, billed_pusd: int, **changes: Any) -> StatementLine:
    amounts = Amounts(
        requests=1_204, prompt_tokens=12_345_678, completion_tokens=98_765, billed_pusd=billed_pusd
    )
    line = StatementLine(kind=LineKind.USAGE, month="2026-01", model=model, amounts=amounts)
    return replace(line, **changes)


def make_statement(*lines: StatementLine, **changes: Any) -> Statement:
    net_pusd = sum(line.amounts.billed_pusd for line in lines)
    statement = Statement(
        id="f" * 32,
        number="S2026-0007",
        organization_id="acme",
        month="2026-01",
        time_zone="Europe/Warsaw",
        issued_on=date(2026, 2, 4),
        at_ms=1_770_206_400_000,
        currency="PLN",
        seller=Seller(
            name="Łączność Łódź sp. z o.o.",
            address="ul. Piotrkowska 1\n90-001 Łódź\nPoland",
            tax_id="PL 725-000-00-00",
            email="billing@example.com",
            note="Payable within 14 days to PL61 1090 1014 0000 0712 1981 2874.",
        ),
        buyer=Buyer(
            name="Żółta Kaczka S.A. 🦆",
            email="faktury@kaczka.example",
            contacts=[
                {"name": "Zofia Ćwiąkała", "role": "Finance", "email": "zofia@kaczka.example"}
            ],
        ),
        lines=lines,
        net_pusd=net_pusd,
        total=converted(net_pusd, NBP.rate, "PLN"),
        rate=NBP,
    )
    return replace(statement, **changes)
