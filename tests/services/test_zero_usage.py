"""The questions that people ask first are answered where they come up."""

from dataclasses import replace
from typing import Any

import pytest

from mai_usage_ext.guard import tally
from mai_usage_ext.ports import KeyState, Organization, OrganizationKey, SystemClock
from mai_usage_ext.ports.vitals import CommitFacts
from mai_usage_ext.services.meter_counts import MeterCounts
from mai_usage_ext.services.refusals import key_refusal
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.zero_usage import ZeroUsage
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.usage import UsageRows

ACME = Organization(
    id="acme",
    name="Acme",
    slug="acme",
    time_zone="UTC",
    billing_currency="USD",
    is_active=True,
    rate_micro=1_300_000,
    fee_pusd=0,
)
URL = "https://openrouter.ai/api/v1"


@pytest.fixture
def counts() -> MeterCounts:
    return MeterCounts(clock=SystemClock())


@pytest.fixture
def report(db: Any) -> Any:
    """Of an organization that used nothing."""
    return Reports(UsageRows(db), HoldRows(db), clock=SystemClock()).organization(ACME)


def hint(counts: MeterCounts, report: Any, *, is_admin: bool) -> str | None:
    return ZeroUsage(counts.look, base_urls=[URL]).hint(report, is_admin=is_admin)


def placed(counts: MeterCounts) -> None:
    counts.committed(CommitFacts(seconds=0, changes=1, placed=1, refused=0, entries=[]))


def test_where_nothing_was_ever_metered_an_admin_is_told_the_addresses(
    counts: MeterCounts, report: Any
) -> None:
    told = hint(counts, report, is_admin=True)
    assert told is not None
    assert URL in told
    assert "POST debug/self-test" in told
    for_members = hint(counts, report, is_admin=False)
    assert for_members is not None
    assert URL not in for_members
    assert "administrator" in for_members


def test_where_calls_went_unmetered(counts: MeterCounts, report: Any) -> None:
    placed(counts)
    tally.add("calls unmetered")
    told = hint(counts, report, is_admin=True)
    assert told is not None
    assert "MAI_USAGE_ON_START_FAILURE" in told


def test_where_calls_are_under_way(counts: MeterCounts, report: Any) -> None:
    waiting = replace(report, today=replace(report.today, unsettled=3))
    for is_admin in (True, False):
        told = hint(counts, waiting, is_admin=is_admin)
        assert told is not None
        assert told.startswith("3 calls of today")


def test_where_others_are_metered_only_an_admin_hears_of_it(
    counts: MeterCounts, report: Any
) -> None:
    placed(counts)
    assert hint(counts, report, is_admin=False) is None
    told = hint(counts, report, is_admin=True)
    assert told is not None
    assert "user-mappings" in told


def test_where_something_was_used_there_is_no_hint(counts: MeterCounts, report: Any) -> None:
    month = replace(report.month, totals=replace(report.month.totals, requests=1))
    assert hint(counts, replace(report, month=month), is_admin=True) is None


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (KeyState.DISABLED, "switched off"),
        (KeyState.LOST, "does not know its key"),
        (KeyState.UNREADABLE, "entered again"),
    ],
)
def test_a_refused_call_says_what_is_wrong_with_the_key(state: KeyState, word: str) -> None:
    refused = key_refusal(replace(ACME, key=OrganizationKey(state=state)))
    assert word in str(refused)
    assert "administrator" in str(refused)
