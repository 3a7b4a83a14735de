"""Made-up calls for the storage tests and benchmarks."""

import uuid
from dataclasses import replace
from datetime import date
from typing import Any

from peewee import Database

from mai_usage_ext.metering.limits import MarkPeriod, MarkRule, Marks
from mai_usage_ext.ports import Hold, LedgerEntry, Outcome, Source
from mai_usage_ext.storage.organizations import OrganizationRows

DAY = date(2026, 1, 20)
MONTH = "2026-01"
AT_MS = 1_768_903_200_000
RATE = 1_300_000


def make_organization(db: Database, name: str = "Acme") -> str:
    """A new organization's id."""
    made = OrganizationRows(db).create(
        name=name, time_zone="UTC", rate_micro=RATE, billing_currency="USD", now_ms=AT_MS
    )
    return made.id


def percent_marks(*percents: int) -> Marks:
    """What a rule for everybody with these percentages of a limit comes to."""
    return Marks([MarkRule(id=1, period=MarkPeriod.LIMIT, marks=percents)])


def make_hold(organization_id: str, **changes: Any) -> Hold:
    hold = Hold(
        id=uuid.uuid4().hex,
        organization_id=organization_id,
        user_id="ada",
        model="acme/model-1",
        purpose="chat",
        estimate_pusd=1_000_000,
        rate_micro=RATE,
        fee_pusd=0,
        day=DAY,
        month=MONTH,
        at_ms=AT_MS,
        owner="process-1",
    )
    return replace(hold, **changes)


def make_entry(hold: Hold, generation_id: str | None = None, **changes: Any) -> LedgerEntry:
    entry = LedgerEntry(
        generation_id=generation_id or f"gen-{hold.at_ms // 1000}-{hold.id}",
        sequence=0,
        organization_id=hold.organization_id,
        user_id=hold.user_id,
        model=hold.model,
        provider="Acme",
        purpose=hold.purpose,
        day=hold.day,
        at_ms=hold.at_ms,
        prompt_tokens=8174,
        completion_tokens=30,
        cached_tokens=12,
        reasoning_tokens=7,
        raw_pusd=326_960_001,
        billed_pusd=425_048_001,
        rate_micro=hold.rate_micro,
        fee_pusd=hold.fee_pusd,
        outcome=Outcome.COMPLETED,
        source=Source.STREAM,
        first_byte_ms=210,
        duration_ms=1900,
        booked_at_ms=hold.at_ms + 1900,
    )
    return replace(entry, **changes)
