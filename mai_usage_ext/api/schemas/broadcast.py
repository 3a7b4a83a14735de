"""OpenRouter's Broadcast on the wire: the answer to a delivery, and what was found."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import Amount, Answer, Instant, instant
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.broadcast import BroadcastRecord
from mai_usage_ext.services.broadcast_spans import Delivery

__all__ = ["BroadcastsOut", "ReceivedOut"]

_MOST_SAID = 2_000


class PartialSuccess(BaseModel):
    """Spans that cannot be used, by OTLP's names; nothing of it where all can."""

    rejected_spans: int = Field(default=0, serialization_alias="rejectedSpans")
    error_message: str = Field(default="", serialization_alias="errorMessage")


class ReceivedOut(BaseModel):
    """OTLP's answer to a delivery."""

    partial_success: PartialSuccess = Field(
        default=PartialSuccess(), serialization_alias="partialSuccess"
    )

    @classmethod
    def of(cls, delivery: Delivery) -> "ReceivedOut":
        said = "; ".join(delivery.rejected)
        return cls(
            partial_success=PartialSuccess(
                rejected_spans=len(delivery.rejected), error_message=said[:_MOST_SAID]
            )
        )


class BroadcastOut(BaseModel):
    """One call as OpenRouter told of it. ``raw`` is what it charges; where ``status`` is
    ``differs``, ``reason`` says what the ledger has instead."""

    generation_id: str
    status: str
    reason: str
    began_at: Instant
    received_at: Instant
    model: str
    provider: str
    openrouter_user_id: str | None
    key_name: str | None
    prompt_tokens: int
    completion_tokens: int
    raw: Amount

    @classmethod
    def of(cls, record: BroadcastRecord) -> "BroadcastOut":
        call = record.call
        return cls(
            generation_id=call.generation_id,
            status=record.finding.value,
            reason=record.reason,
            began_at=instant(call.at_ms),
            received_at=instant(record.received_at_ms),
            model=call.model,
            provider=call.provider,
            openrouter_user_id=call.user or None,
            key_name=call.key_name or None,
            prompt_tokens=call.usage.prompt_tokens,
            completion_tokens=call.usage.completion_tokens,
            raw=usd_from_pusd(call.usage.raw_pusd),
        )


class BroadcastsOut(Answer):
    """One page, newest first."""

    broadcasts: list[BroadcastOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, records: Sequence[BroadcastRecord], total: int, *, offset: int, limit: int
    ) -> "BroadcastsOut":
        found = [BroadcastOut.of(record) for record in records]
        return cls(broadcasts=found, total=total, offset=offset, limit=limit)
