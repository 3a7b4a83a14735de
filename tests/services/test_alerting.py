"""What is looked at once a minute: fired once, resolved when it is over."""

from datetime import date, timedelta

import pytest
from peewee import Database

from mai_usage_ext.storage.changes import Place, Void
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.reconciliation_models import ReconciliationLine
from mai_usage_ext.storage.sessions import transaction, write
from tests.services.alert_rig import ADMIN, DAY_MS, HOUR_MS, NOON, PICO, AlertRig
from tests.storage.samples import make_hold

TODAY = date(2026, 1, 20)


@pytest.fixture
def rig(db: Database) -> AlertRig:
    return AlertRig(db)


def days_ago(count: int) -> date:
    return TODAY - timedelta(days=count)


def test_a_spike_is_told_once_a_day_and_over_with_the_day(rig: AlertRig) -> None:
    acme = rig.organization()
    rig.only("spike", parameters={"factor": "3", "floor": "5", "basis": "weekday"})
    for weeks in range(1, 5):
        rig.spend(acme, "2", day=days_ago(7 * weeks))
        rig.spend(acme, "9", day=days_ago(7 * weeks - 1))
    rig.spend(acme, "6")
    assert rig.look() == []
    rig.spend(acme, "0.000000000001")
    assert rig.look() == ["usage.spike open"]
    assert rig.look() == ["usage.spike open"]
    [alert] = rig.found()
    assert (alert.period, alert.limit_pusd) == ("2026-01-20", 2 * PICO)
    rig.clock.at_ms += 12 * HOUR_MS
    assert rig.look() == ["usage.spike resolved"]
    assert [event.split()[0] for event in rig.events()] == ["alert.fired", "alert.resolved"]


def test_the_usual_is_exact_to_the_picodollar(rig: AlertRig) -> None:
    """Beyond 9,007 USD a float would no longer tell one picodollar from the next."""
    acme = rig.organization()
    rig.only("spike", parameters={"factor": "1", "floor": "5", "basis": "days"})
    for back in range(1, 29):
        rig.spend(
            acme, "9500.000000000001" if back % 2 else "9500.000000000005", day=days_ago(back)
        )
    rig.spend(acme, "9500.000000000003")
    assert rig.look() == []
    rig.spend(acme, "0.000000000001")
    assert rig.look() == ["usage.spike open"]
    assert rig.found()[0].limit_pusd == 9500 * PICO + 3


def test_cents_are_no_spike_and_a_newcomer_has_no_usual(rig: AlertRig) -> None:
    acme, new = rig.organization(), rig.organization("New")
    rig.only("spike", parameters={"factor": "2", "floor": "5", "basis": "days"})
    for back in range(1, 29):
        rig.spend(acme, "0.1", day=days_ago(back))
    for back in range(1, 7):
        rig.spend(new, "0.1", day=days_ago(back))
    rig.spend(acme, "4.999999999999")
    rig.spend(new, "100")
    assert rig.look() == []
    rig.spend(acme, "0.000000000001")
    assert rig.look() == ["usage.spike open"]


def test_a_spike_of_yesterday_in_the_organizations_zone(rig: AlertRig) -> None:
    """In Tokyo it is the 21st already."""
    rig.clock.set("2026-01-20T16:00")
    tokyo = rig.organization(zone="Asia/Tokyo")
    rig.only("spike", parameters={"factor": "2", "floor": "1", "basis": "days", "day": "yesterday"})
    for back in range(1, 9):
        rig.spend(tokyo, "1", day=days_ago(back))
    rig.spend(tokyo, "7", day=TODAY)
    assert rig.look() == ["usage.spike open"]
    assert rig.found()[0].period == "2026-01-20"


def test_silence_is_told_once_and_over_with_the_next_call(rig: AlertRig) -> None:
    acme, rare = rig.organization(), rig.organization("Rare")
    rig.only("quiet", parameters={"active_days": 5, "quiet_days": 3})
    for back in range(4, 9):
        rig.spend(acme, "1", day=days_ago(back))
    for back in range(4, 8):
        rig.spend(rare, "1", day=days_ago(back))
    assert rig.look() == ["usage.quiet open"]
    rig.clock.at_ms += DAY_MS
    assert rig.look() == ["usage.quiet open"]
    rig.spend(acme, "1")
    assert rig.look() == ["usage.quiet resolved"]


def test_old_holds_are_one_affair_until_the_last_is_settled(rig: AlertRig) -> None:
    acme = rig.organization()
    rig.only("pending", parameters={"hours": 2})
    hold = make_hold(acme, at_ms=NOON - 2 * HOUR_MS)
    rig.commit.commit([Place(hold)], now_ms=1)
    assert rig.look() == []
    rig.clock.at_ms += 1
    assert rig.look() == ["pending.old open"]
    rig.clock.at_ms += 2 * DAY_MS
    assert rig.look() == ["pending.old open"]
    rig.spend(acme, "1")
    assert rig.look() == ["pending.old open"]
    rig.commit.commit([Void(hold, reason="an error answer")], now_ms=1)
    assert rig.look() == ["pending.old resolved"]


def test_trouble_with_a_key_lasts_and_flaps_once_a_day(rig: AlertRig) -> None:
    rig.only("key")
    acme = rig.organization(openrouter_key_problem="it is not there")

    def say(problem: str | None) -> None:
        query = ClientOrganization.update(openrouter_key_problem=problem)
        with transaction(rig.db):
            write(rig.db, query.where(ClientOrganization.id == acme))

    assert rig.look() == ["key.trouble open"]
    rig.clock.at_ms += DAY_MS
    assert rig.look() == ["key.trouble open"]
    say(None)
    assert rig.look() == ["key.trouble resolved"]
    say("again")
    assert rig.look() == ["key.trouble resolved", "key.trouble open"]
    say(None)
    rig.look()
    say("and again, the same day")
    assert rig.look() == ["key.trouble resolved", "key.trouble resolved"]


def test_capture_below_is_told_by_its_own_rate_and_over_when_booked(rig: AlertRig) -> None:
    acme = rig.organization()
    rig.only("capture", parameters={"percent": "90"})

    def compared(captured: int, status: str) -> None:
        row = ReconciliationLine
        columns = dict.fromkeys(
            ("adjusted_pusd", "captured_requests", "provider_requests", "identified"), 0
        )
        with transaction(rig.db):
            write(rig.db, row.delete())
            query = row.insert(
                day=days_ago(1),
                key_hash="k" * 64,
                organization_id=acme,
                status=status,
                reason="",
                is_below=False,
                captured_pusd=captured,
                provider_pusd=1000,
                models="[]",
                closed_holds=0,
                checked_at_ms=1,
                **columns,
            )
            write(rig.db, query)

    compared(899, "waiting")
    assert rig.look() == []
    compared(900, "adjusted")
    assert rig.look() == []
    compared(899, "adjusted")
    assert rig.look() == ["capture.below open"]
    compared(1000, "exact")
    assert rig.look() == ["capture.below resolved"]


def test_a_rule_that_comes_after_the_spending_is_told_within_a_minute(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.spend(acme, "6")
    rig.add("limit", level="organization", client_id=acme, parameters={"thresholds": [50, 70]})
    rig.add("spend", parameters={"period": "day", "amounts": ["5", "7"]})
    rig.add("spend", level="user", user_id="ada", parameters={"amounts": ["6"]})
    kinds = ["limit.threshold_crossed open", "spend.crossed open", "spend.crossed open"]
    assert rig.look() == kinds
    assert rig.look() == kinds
    rig.spend(acme, "1.5")
    assert [alert.percent or alert.limit_pusd // PICO for alert in rig.found()] == [50, 5, 6, 70, 7]


def test_marks_are_over_with_their_month_or_their_limit(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    other = rig.organization("Other", zone="Pacific/Kiritimati", monthly_limit_pusd=10 * PICO)
    rig.spend(acme, "9")
    rig.clock.set("2026-01-31T09:59:59")
    rig.spend(other, "9")
    assert rig.look() == ["limit.threshold_crossed open"] * 2
    with transaction(rig.db):
        query = ClientOrganization.update(monthly_limit_pusd=20 * PICO)
        write(rig.db, query.where(ClientOrganization.id == acme))
    # In Kiritimati, fourteen hours ahead, February begins now.
    rig.clock.set("2026-01-31T10:00")
    assert rig.look() == ["limit.threshold_crossed resolved"] * 2
    rig.spend(other, "9")
    assert rig.found()[-1].period == "2026-02"
    # Marks of limits have no event for their end.
    assert not [event for event in rig.events() if event.startswith("alert")]


@pytest.mark.parametrize("last", ["2026-03-29T21:59:59", "2026-10-25T22:59:59"])
def test_a_day_of_23_or_25_hours_is_one_period(rig: AlertRig, last: str) -> None:
    rig.clock.set(last)
    berlin = rig.organization(zone="Europe/Berlin")
    rig.only("spend", parameters={"period": "day", "amounts": ["2"]})
    day = last[:10]
    rig.spend(berlin, "1")
    rig.spend(berlin, "1")
    assert [alert.period for alert in rig.found()] == [day]
    assert rig.look() == ["spend.crossed open"]
    rig.clock.at_ms += 1000
    assert rig.look() == ["spend.crossed resolved"]
    rig.spend(berlin, "1.9")
    assert len(rig.found()) == 1


def test_a_disabled_rule_finds_nothing_and_ends_what_it_found(rig: AlertRig) -> None:
    rule = rig.only("key")
    rig.organization(openrouter_key_problem="it is not there")
    rig.look()
    rig.rules.change(rule, {"is_enabled": False}, actor=ADMIN)
    assert rig.look() == ["key.trouble resolved"]


def test_a_deactivated_organization_is_nobodys_alert(rig: AlertRig) -> None:
    rig.only("key")
    rig.organization(openrouter_key_problem="it is not there", status="deactivated")
    assert rig.look() == []
