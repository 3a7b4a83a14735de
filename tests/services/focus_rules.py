"""The rules that FOCUS 1.2 publishes for each column we have, read by ourselves.

For machines without the official judge, and as a second opinion where it is.
"""

import json
import re
from collections.abc import Mapping

# May not be missing in any file, and of those which may not be empty.
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory",
    "ServiceName",
}  # fmt: skip
NOT_NULL = MANDATORY - {"ChargeClass"} | {
    "ConsumedQuantity", "ConsumedUnit", "PricingCategory", "ResourceType", "ServiceSubcategory",
}  # fmt: skip
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {"AI and Machine Learning"},
    "ServiceSubcategory": {"Generative AI"},
}
_COST = re.compile(r"-?\d+\.\d+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CURRENCY = re.compile(r"[A-Z]{3}")
_NAME = re.compile(r"(x_)?([A-Z][a-z]+)+")


def violations(row: Mapping[str, str]) -> list[str]:
    """The columns of a row of CSV that break their rules."""
    broken = [f"{name} is missing" for name in MANDATORY - row.keys()]
    broken += [f"{name} is empty" for name in NOT_NULL if not row.get(name)]
    broken += [
        f"{name} is {row[name]!r}" for name, allowed in ALLOWED.items() if row[name] not in allowed
    ]
    broken += [f"{name} is no column's name" for name in row if not _NAME.fullmatch(name)]
    for name, value in row.items():
        shape = _shape_of(name)
        if shape is not None and not shape.fullmatch(value):
            broken.append(f"{name} is {value!r}")
    if row["ProviderName"] != row["InvoiceIssuerName"] and float(row["BilledCost"]):
        broken.append("what somebody else is paid for costs nothing here")
    if row["BillingPeriodStart"] > row["ChargePeriodStart"]:
        broken.append("the charge begins before its billing period")
    if row["BillingPeriodEnd"] < row["ChargePeriodEnd"]:
        broken.append("the charge ends after its billing period")
    tags = json.loads(row["Tags"])
    if not isinstance(tags, dict) or any(isinstance(tag, dict | list) for tag in tags.values()):
        broken.append("Tags are no flat object")
    return broken


def _shape_of(name: str) -> re.Pattern[str] | None:
    if name.endswith(("Cost", "Quantity")):
        return _COST
    if "Period" in name:
        return _INSTANT
    return _CURRENCY if name.endswith("Currency") else None
