"""Settings that the database holds, on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import Amount, Answer, Changes, Fields, Money, Rate
from mai_usage_ext.services.live_settings import SettingsView

__all__ = ["SettingsAnswer", "SettingsIn"]


class RuleIn(Fields):
    """Where a user goes whom nobody has mapped; the first rule that fits decides."""

    kind: Literal["email_domain", "group"]
    value: str = Field(min_length=1, max_length=200)
    client_org_id: str = Field(min_length=1, max_length=200)
    role: Literal["member", "manager"] = "member"


class SettingsIn(Changes):
    """``POST settings``: null takes an override away, what is left out stays as it is."""

    openrouter_provisioning_key: str | None = Field(
        default=None,
        max_length=500,
        json_schema_extra={"writeOnly": True},
        description="OpenRouter management key; stored sealed, answered masked",
    )
    default_markup_rate: Rate | None = Field(default=None, description="Of new organizations")
    allow_loss: bool = Field(default=False, description="Lets that markup be below 1")
    billing_currency: str | None = Field(default=None, description="ISO 4217, such as USD")
    timezone: str | None = Field(default=None, description="IANA zone of new organizations")
    default_hold: Money | None = Field(
        default=None, description="USD held for a call without a price"
    )
    commit_wait_ms: int | None = Field(default=None, ge=1, le=60_000)
    alert_thresholds: list[Annotated[int, Field(ge=1, le=100)]] | None = Field(
        default=None, max_length=10, description="Percentages of a limit; empty: none"
    )
    alert_emails: list[Annotated[str, Field(max_length=254)]] | None = Field(
        default=None, max_length=20, description="Who is told of alerts by e-mail"
    )
    rate_limit: int | None = Field(default=None, ge=1, le=1_000_000, description="A minute")
    assignment_rules: list[RuleIn] | None = Field(default=None, max_length=1000)
    seller_name: str | None = Field(default=None, max_length=200, description="On statements")
    seller_address: str | None = Field(default=None, max_length=500)
    seller_tax_id: str | None = Field(default=None, max_length=60)
    seller_email: str | None = Field(default=None, max_length=200)
    seller_note: str | None = Field(
        default=None, max_length=1000, description="At the end of statements: when and where to pay"
    )
    statement_prefix: str | None = Field(default=None, max_length=20)
    auto_close_statements: str | None = Field(
        default=None, max_length=7, description="`off`, or the first month to close by itself"
    )
    fx_sources: dict[str, Literal["manual", "ecb", "nbp"]] | None = Field(
        default=None, description="Where rates come from: without one nbp for PLN, else ecb"
    )


class RuleOut(BaseModel):
    kind: str
    value: str
    client_org_id: str
    role: str


class SettingsAnswer(Answer):
    """What holds now. ``sources`` says of each whether it is the database's, the environment's or
    the default; ``problems`` are sentences about stored values that cannot be used."""

    openrouter_provisioning_key: str | None = Field(description="Masked")
    default_markup_rate: Amount
    billing_currency: str
    timezone: str
    default_hold: Amount
    commit_wait_ms: int
    alert_thresholds: list[int]
    alert_emails: list[str]
    rate_limit: int
    assignment_rules: list[RuleOut]
    seller_name: str
    seller_address: str
    seller_tax_id: str
    seller_email: str
    seller_note: str
    statement_prefix: str
    auto_close_statements: str
    fx_sources: dict[str, str]
    sources: dict[str, Literal["database", "environment", "default"]]
    problems: list[str]

    @classmethod
    def of(cls, view: SettingsView, message: str = "") -> "SettingsAnswer":
        return cls.model_validate(
            {
                **view.values,
                "sources": dict(view.sources),
                "problems": list(view.problems),
                "message": message,
            }
        )
