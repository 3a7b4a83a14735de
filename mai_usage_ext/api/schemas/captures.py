"""Comparisons with OpenRouter's figures by day, on the wire."""

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel

from mai_usage_ext.api.schemas.reconciliation import capture_rate
from mai_usage_ext.api.schemas.usage_measures import PeriodOut
from mai_usage_ext.api.schemas.values import Amount, Answer
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.captures import CaptureDay

__all__ = ["CaptureDaysOut"]


class CaptureSumsOut(BaseModel):
    """Raw USD, as ``reconciliations`` has it. ``keys`` counts the comparisons; ``below`` are those
    in which too little was captured. ``capture_rate`` is null where there was nothing to capture.
    """

    captured: Amount
    adjusted: Amount
    provider: Amount
    difference: Amount
    capture_rate: Amount | None
    keys: int
    below: int
    waiting: int
    unexplained: int

    @classmethod
    def of(cls, days: Sequence[CaptureDay]) -> "CaptureSumsOut":
        captured = sum(day.captured_pusd for day in days)
        adjusted = sum(day.adjusted_pusd for day in days)
        provider = sum(day.provider_pusd for day in days)
        return cls(
            captured=usd_from_pusd(captured),
            adjusted=usd_from_pusd(adjusted),
            provider=usd_from_pusd(provider),
            difference=usd_from_pusd(provider - captured - adjusted),
            capture_rate=capture_rate(captured, provider),
            keys=sum(day.keys for day in days),
            below=sum(day.below for day in days),
            waiting=sum(day.waiting for day in days),
            unexplained=sum(day.unexplained for day in days),
        )


class CaptureDayOut(CaptureSumsOut):
    """One UTC day."""

    date: date


class CaptureDaysOut(Answer):
    """Days that were compared, oldest first; ``totals`` adds them up."""

    period: PeriodOut
    days: list[CaptureDayOut]
    totals: CaptureSumsOut

    @classmethod
    def of(cls, days: Sequence[CaptureDay], *, first: date, last: date) -> "CaptureDaysOut":
        return cls(
            period=PeriodOut.between(first, last),
            days=[
                CaptureDayOut(date=day.day, **CaptureSumsOut.of([day]).model_dump()) for day in days
            ],
            totals=CaptureSumsOut.of(days),
        )
