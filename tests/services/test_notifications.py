"""From an alert to those who are to know: decided once, sent until it is sent or given up."""

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput
from mai_usage_ext.guard import tally
from mai_usage_ext.ports.alerts import AlertState, Channel, NotSent
from mai_usage_ext.storage.alert_models import AlertEvent
from mai_usage_ext.storage.sessions import transaction, write
from tests.services.alert_rig import ADMIN, DAY_MS, HOUR_MS, NOON, PICO, AlertRig

MINUTE_MS = 60_000


@pytest.fixture
def rig(db: Database) -> AlertRig:
    return AlertRig(db)


async def test_alerts_of_a_minute_are_one_mail_to_each_and_one_note_in_the_host(
    rig: AlertRig,
) -> None:
    acme = rig.organization("Zażółć <b>", monthly_limit_pusd=10 * PICO)
    rig.rules.change(1, {"emails": ["boss@example.com", "ops@example.com"]}, actor=ADMIN)
    rig.spend(acme, "10")
    assert await rig.notifications.run_once() == 3
    first, second = rig.postbox.mails
    assert {first.recipient, second.recipient} == {"ops@example.com", "boss@example.com"}
    assert first.key != second.key
    assert first.subject == (
        "[mAI Usage] 2 alerts, first Zażółć <b>: 80 % of the limit is spent (10 of 10 USD)"
    )
    assert "100 % of the limit is spent (10 of 10 USD)" in first.text
    assert "Zażółć &lt;b&gt;" in first.html
    assert "<b>" not in first.html
    [(_, facts)] = rig.host.told
    assert [alert["kind"] for alert in facts["alerts"]] == ["limit.threshold_crossed"] * 2
    assert await rig.notifications.run_once() == 0


async def test_the_organization_is_told_where_the_rule_says_so(rig: AlertRig) -> None:
    contacts = '[{"name": "A", "email": "a@acme.example"}, {"name": "B"}, {"email": "b ad@x"}]'
    acme = rig.organization(
        monthly_limit_pusd=PICO, billing_email="bills@acme.example", contacts=contacts
    )
    rig.organization("Other", monthly_limit_pusd=PICO, billing_email="not@told.example")
    rig.rules.change(1, {"notify_organization": True, "channels": ["email"]}, actor=ADMIN)
    rig.spend(acme, "0.8")
    await rig.notifications.run_once()
    assert [mail.recipient for mail in rig.postbox.mails] == [
        "ops@example.com",
        "bills@acme.example",
        "a@acme.example",
    ]
    assert tally["addresses not usable"] == 1
    assert rig.host.told == []


async def test_what_is_muted_is_stored_and_marked_and_not_sent(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    other = rig.organization("Other", monthly_limit_pusd=10 * PICO)
    rig.alerts.mute({"client_id": acme}, until_ms=NOON + HOUR_MS, actor=ADMIN)
    rig.spend(acme, "8")
    rig.spend(other, "8")
    await rig.notifications.run_once()
    assert [alert.is_muted for alert in rig.found()] == [True, False]
    assert len(rig.postbox.mails) == 1
    # Other systems hear of facts, which nobody can mute.
    assert len(rig.events()) == 2
    rig.clock.at_ms += HOUR_MS
    rig.spend(acme, "2")
    await rig.notifications.run_once()
    assert len(rig.postbox.mails) == 2
    assert rig.alerts.mutes() == []


async def test_a_mute_of_a_rule_and_its_end_by_hand(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    mute = rig.alerts.mute({"rule_id": 1, "note": "busy"}, until_ms=NOON + DAY_MS, actor=ADMIN)
    rig.spend(acme, "8")
    await rig.notifications.run_once()
    rig.alerts.unmute(mute.id, actor=ADMIN)
    rig.spend(acme, "2")
    await rig.notifications.run_once()
    assert [alert.is_muted for alert in rig.found()] == [True, False]
    assert len(rig.postbox.mails) == 1
    assert rig.actions()[-2:] == ["alert.muted", "alert.unmuted"]


async def test_a_message_is_tried_for_a_day_as_the_same_one_and_given_up_loudly(
    rig: AlertRig,
) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.rules.change(1, {"channels": ["email"]}, actor=ADMIN)
    rig.postbox.problem = NotSent("the mail server said 451 later")
    rig.spend(acme, "8")
    assert await rig.notifications.run_once() == 0
    assert await rig.notifications.run_once() == 0
    assert tally["alert messages not sent"] == 1
    assert rig.notifications.trouble() is None
    attempts = 1
    while tally["alert messages given up"] == 0:
        rig.clock.at_ms += MINUTE_MS if rig.clock.at_ms < NOON + HOUR_MS else 10 * MINUTE_MS
        before = tally["alert messages not sent"]
        await rig.notifications.run_once()
        attempts += tally["alert messages not sent"] - before
        assert rig.clock.at_ms < NOON + 26 * HOUR_MS
    assert rig.clock.at_ms >= NOON + DAY_MS
    assert 25 <= attempts <= 40
    trouble = rig.notifications.trouble()
    assert trouble is not None
    assert "451 later" in trouble
    rig.postbox.problem = None
    rig.clock.at_ms += HOUR_MS
    assert await rig.notifications.run_once() == 0
    rig.clock.at_ms += DAY_MS
    assert rig.notifications.trouble() is None


async def test_a_later_alert_is_a_message_of_its_own(rig: AlertRig) -> None:
    """What failed is sent again just as it was, so that whoever got it after all can tell."""
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.rules.change(1, {"channels": ["email"]}, actor=ADMIN)
    rig.postbox.problem = NotSent("away")
    rig.spend(acme, "8")
    await rig.notifications.run_once()
    rig.spend(acme, "2")
    rig.postbox.problem = None
    await rig.notifications.run_once()
    rig.clock.at_ms += MINUTE_MS
    await rig.notifications.run_once()
    late, early = rig.postbox.mails
    assert ("100 %" in late.text, "80 %" in early.text) == (True, True)
    assert late.key != early.key


async def test_a_refused_recipient_is_given_up_at_once_and_others_get_theirs(
    rig: AlertRig,
) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.rules.change(1, {"channels": ["email"]}, actor=ADMIN)
    rig.postbox.problem = NotSent("the mail server said 550 no such user", is_final=True)
    rig.spend(acme, "8")
    await rig.notifications.run_once()
    assert tally["alert messages given up"] == 1
    assert "550" in (rig.notifications.trouble() or "")


async def test_a_process_that_dies_between_sending_and_noting_it(rig: AlertRig) -> None:
    """At least once, with the same Message-ID."""
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.rules.change(1, {"channels": ["email"]}, actor=ADMIN)
    rig.spend(acme, "8")

    class Killed(BaseException):
        pass

    def die(*_args: object, **_options: object) -> None:
        raise Killed

    stores = rig.notifications._stores.notifications
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "sent", die)
        with pytest.raises(Killed):
            await rig.notifications.run_once()
    again = AlertRig(rig.db)
    assert await again.notifications.run_once() == 1
    assert [mail.key for mail in again.postbox.mails] == [mail.key for mail in rig.postbox.mails]


async def test_a_process_that_dies_between_crossing_and_deciding(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.spend(acme, "8")
    again = AlertRig(rig.db)
    await again.notifications.run_once()
    assert len(again.postbox.mails) == 1
    assert await rig.notifications.run_once() == 0


async def test_an_alert_of_a_rule_that_is_gone_follows_another(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    own = rig.add("limit", level="organization", client_id=acme, severity="critical")
    with transaction(rig.db):
        columns = {
            "kind": "capture.below",
            "organization_id": acme,
            "user_id": "",
            "month": "2026-01",
            "percent": 90,
            "limit_pusd": 10,
            "spent_pusd": 9,
            "at_ms": NOON,
            "subject": "2026-01-19 k",
        }
        write(rig.db, AlertEvent.insert(**columns))
    rig.spend(acme, "8")
    rig.rules.remove(own, actor=ADMIN)
    await rig.notifications.run_once()
    capture, crossed = rig.found()
    assert capture.rule_id is not None
    assert (capture.severity, crossed.rule_id, crossed.severity) == ("critical", 1, "warning")
    assert "[mAI Usage critical]" in rig.postbox.mails[0].subject


async def test_without_a_rule_nobody_is_told(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.spend(acme, "8")
    rig.rules.change(1, {"is_enabled": False}, actor=ADMIN)
    assert await rig.notifications.run_once() == 0
    assert [alert.state for alert in rig.found()] == [AlertState.OPEN]


async def test_a_test_goes_out_at_once(rig: AlertRig) -> None:
    assert await rig.notifications.test(Channel.EMAIL, "ops@example.com") == []
    assert "test" in rig.postbox.mails[0].subject
    [step] = await rig.notifications.test(Channel.HOST, None)
    assert step.is_done
    rig.postbox.problem = NotSent("away")
    [step] = await rig.notifications.test(Channel.EMAIL, "ops@example.com")
    assert (step.is_done, step.detail) == (False, "away")
    for wrong in (None, "ops", "a@b\nBcc: c@d", "a@b, c@d", 5):
        with pytest.raises(BadInput, match="to is "):
            await rig.notifications.test(Channel.EMAIL, wrong)
