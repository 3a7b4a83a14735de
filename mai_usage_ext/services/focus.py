"""Usage in the columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification.

Read in the specification's own model, version 1.2 (https://focus.finops.org), which
``focus-validator`` carries. A row is an organization's day with one model.

* What the client pays is every cost there is: we grant no discounts and amortise nothing, so
  ``BilledCost``, ``EffectiveCost``, ``ListCost`` and ``ContractedCost`` are the same. What a call
  cost us is in no column, for these files are made to be given away.
* The price of a call is the provider's own bill times a rate, so there is no price of a unit: what
  is priced are the tokens, by "Dynamic" prices, and the columns of unit prices are left out.
* An organization is the billing account, and has no sub accounts; the model is resource and SKU.
  Provider is who sells the service and is paid for it, publisher who made the model.
* Which invoice a row will be on is not known while it is written, so ``InvoiceId`` is empty; what
  does not exist here, such as discounts for commitments, is empty too.
* Amounts and quantities are always written with a point, since readers of CSV guess the type.
* Days and months are the organization's own, as instants of UTC.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Context, Decimal
from typing import Any

from mai_usage_ext.metering.days import day_bounds_ms, month_days
from mai_usage_ext.ports.tables import Column, ColumnKind
from mai_usage_ext.ports.usage import Dimension, UsageLine

__all__ = ["FOCUS_COLUMNS", "FOCUS_GROUPING", "UNNAMED_ISSUER", "Accounts", "focus_rows"]

FOCUS_GROUPING = (Dimension.ORGANIZATION, Dimension.DAY, Dimension.MODEL)

Accounts = Callable[[str], tuple[str, str, str]]
"""An organization's name, slug and IANA zone by its id."""

# Of invoices of an operator who has not said their name; the column may not be empty.
UNNAMED_ISSUER = "mAI Usage"
_SERVICE = "OpenRouter"
_TEXT, _MONEY, _INTEGER = ColumnKind.TEXT, ColumnKind.MONEY, ColumnKind.INTEGER
_INSTANT, _NUMBER = ColumnKind.INSTANT, ColumnKind.NUMBER
_EXACT = Context(prec=60)

# In the order of the alphabet, our own ones last.
FOCUS_COLUMNS = tuple(
    Column(name=name, kind=kind, title=name)
    for name, kind in (
        ("BilledCost", _MONEY),
        ("BillingAccountId", _TEXT),
        ("BillingAccountName", _TEXT),
        ("BillingAccountType", _TEXT),
        ("BillingCurrency", _TEXT),
        ("BillingPeriodEnd", _INSTANT),
        ("BillingPeriodStart", _INSTANT),
        ("ChargeCategory", _TEXT),
        ("ChargeClass", _TEXT),
        ("ChargeDescription", _TEXT),
        ("ChargeFrequency", _TEXT),
        ("ChargePeriodEnd", _INSTANT),
        ("ChargePeriodStart", _INSTANT),
        ("CommitmentDiscountStatus", _TEXT),
        ("ConsumedQuantity", _NUMBER),
        ("ConsumedUnit", _TEXT),
        ("ContractedCost", _MONEY),
        ("EffectiveCost", _MONEY),
        ("InvoiceId", _TEXT),
        ("InvoiceIssuerName", _TEXT),
        ("ListCost", _MONEY),
        ("PricingCategory", _TEXT),
        ("PricingQuantity", _NUMBER),
        ("PricingUnit", _TEXT),
        ("ProviderName", _TEXT),
        ("PublisherName", _TEXT),
        ("ResourceId", _TEXT),
        ("ResourceName", _TEXT),
        ("ResourceType", _TEXT),
        ("ServiceCategory", _TEXT),
        ("ServiceName", _TEXT),
        ("ServiceSubcategory", _TEXT),
        ("SkuId", _TEXT),
        ("SkuMeter", _TEXT),
        ("SkuPriceDetails", _TEXT),
        ("SkuPriceId", _TEXT),
        ("SubAccountId", _TEXT),
        ("SubAccountName", _TEXT),
        ("SubAccountType", _TEXT),
        ("Tags", _TEXT),
        ("x_CachedTokens", _INTEGER),
        ("x_CompletionTokens", _INTEGER),
        ("x_PromptTokens", _INTEGER),
        ("x_ReasoningTokens", _INTEGER),
        ("x_Requests", _INTEGER),
    )
)


def focus_rows(
    lines: Iterable[UsageLine], *, accounts: Accounts, issuer: str
) -> Iterator[tuple[Any, ...]]:
    """A row for each line of ``FOCUS_GROUPING``. ``issuer`` is who sends the invoice."""
    for line in lines:
        values = _values(line, accounts, issuer)
        yield tuple(values.get(column.name) for column in FOCUS_COLUMNS)


def _values(line: UsageLine, accounts: Accounts, issuer: str) -> dict[str, Any]:
    """By column; one that is not among them is null."""
    organization_id, day, model = line.key
    name, slug, time_zone = accounts(organization_id)
    sums = line.sums
    tokens = Decimal(10 * sums.tokens).scaleb(-1, _EXACT)
    costs = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    return {
        **dict.fromkeys(costs, Decimal(sums.billed_pusd).scaleb(-12, _EXACT)),
        **_periods(date.fromisoformat(day), time_zone),
        **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), tokens),
        **dict.fromkeys(("ConsumedUnit", "PricingUnit", "SkuMeter"), "Tokens"),
        **dict.fromkeys(("ResourceId", "SkuId", "SkuPriceId"), model),
        "BillingAccountId": organization_id,
        "BillingAccountName": name,
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"Requests to {model}: {sums.requests}",
        "ChargeFrequency": "Usage-Based",
        **dict.fromkeys(("InvoiceIssuerName", "ProviderName"), issuer),
        "PricingCategory": "Dynamic",
        "PublisherName": _publisher(model),
        "ResourceType": "Model",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": _SERVICE,
        "ServiceSubcategory": "Generative AI",
        "Tags": json.dumps({"mai-usage/organization": slug}, ensure_ascii=False),
        "x_CachedTokens": sums.cached_tokens,
        "x_CompletionTokens": sums.completion_tokens,
        "x_PromptTokens": sums.prompt_tokens,
        "x_ReasoningTokens": sums.reasoning_tokens,
        "x_Requests": sums.requests,
    }


def _periods(day: date, time_zone: str) -> dict[str, int]:
    first, last = month_days(day)
    start, end = day_bounds_ms(day, time_zone)
    return {
        "BillingPeriodStart": day_bounds_ms(first, time_zone)[0],
        "BillingPeriodEnd": day_bounds_ms(last, time_zone)[1],
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
    }


def _publisher(model: str) -> str:
    """Who made the model, which its name begins with: ``anthropic/claude-sonnet-4``."""
    return model.partition("/")[0] or _SERVICE if "/" in model else _SERVICE
