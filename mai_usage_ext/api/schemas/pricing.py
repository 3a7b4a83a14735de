"""Prices with dates on the wire."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import (
    Amount,
    Answer,
    Fields,
    Instant,
    Money,
    Rate,
    instant,
    rate,
)
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.metering.pricing import PriceRule
from mai_usage_ext.services.pricing import ModelPreview, PricePreview

__all__ = ["PreviewIn", "PreviewOut", "PriceRuleAnswer", "PriceRuleIn", "PriceRulesOut"]

_PATTERN = Field(default=None, description="Such as anthropic/*; null: every model")


class PriceRuleIn(Fields):
    """``POST pricing-rules``. The most specific rule wins: organization, pattern, date."""

    client_id: str | None = Field(default=None, description="null: for everybody")
    model_pattern: str | None = _PATTERN
    effective_from: Instant | None = Field(default=None, description="null: now")
    markup_rate: Rate
    fixed_fee: Money = Field(default="0", description="USD added to each call")
    allow_loss: bool = Field(default=False, description="Lets the markup be below 1")


class PreviewIn(Fields):
    """``POST pricing-rules/preview``: the price, and the month to try it on."""

    client_id: str
    model_pattern: str | None = _PATTERN
    markup_rate: Rate
    fixed_fee: Money = "0"
    month: str | None = Field(default=None, description="YYYY-MM; null: the last one")


class PriceRuleOut(BaseModel):
    id: int
    client_id: str | None
    model_pattern: str | None
    effective_from: Instant
    markup_rate: Amount
    fixed_fee: Amount

    @classmethod
    def of(cls, rule: PriceRule) -> "PriceRuleOut":
        return cls(
            id=rule.id,
            client_id=rule.organization_id,
            model_pattern=rule.model_pattern,
            effective_from=instant(rule.effective_from_ms),
            markup_rate=rate(rule.rate_micro),
            fixed_fee=usd_from_pusd(rule.fee_pusd),
        )


class PriceRuleAnswer(Answer):
    rule: PriceRuleOut

    @classmethod
    def of(cls, rule: PriceRule, message: str) -> "PriceRuleAnswer":
        return cls(message=message, rule=PriceRuleOut.of(rule))


class PriceRulesOut(Answer):
    rules: list[PriceRuleOut]
    total: int

    @classmethod
    def of(cls, rules: Sequence[PriceRule]) -> "PriceRulesOut":
        return cls(rules=[PriceRuleOut.of(rule) for rule in rules], total=len(rules))


class ModelPreviewOut(BaseModel):
    """One model's month; ``is_affected`` says whether the new price would be its price."""

    model: str
    requests: int
    raw_cost: Amount
    billed: Amount
    new_billed: Amount
    difference: Amount
    is_affected: bool

    @classmethod
    def of(cls, preview: ModelPreview) -> "ModelPreviewOut":
        return cls(model=preview.model, is_affected=preview.is_affected, **_sums(preview))


class PreviewOut(Answer):
    """A month as it was billed and as the price would have billed it."""

    client_id: str
    month: str
    requests: int
    raw_cost: Amount
    billed: Amount
    new_billed: Amount
    difference: Amount
    models: list[ModelPreviewOut]

    @classmethod
    def of(cls, preview: PricePreview) -> "PreviewOut":
        return cls(
            client_id=preview.organization_id,
            month=preview.month,
            models=[ModelPreviewOut.of(model) for model in preview.models],
            **_sums(preview),
        )


def _sums(preview: ModelPreview | PricePreview) -> dict[str, Any]:
    return {
        "requests": preview.requests,
        "raw_cost": usd_from_pusd(preview.raw_pusd),
        "billed": usd_from_pusd(preview.billed_pusd),
        "new_billed": usd_from_pusd(preview.new_billed_pusd),
        "difference": usd_from_pusd(preview.difference_pusd),
    }
