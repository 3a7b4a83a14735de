"""Rules of alerts: the built-in ones, what admins may change, and what no rule may say."""

from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.ports.alerts import AlertFilter, RuleKind
from tests.services.alert_rig import ADMIN, DAY_MS, NOON, PICO, AlertRig


@pytest.fixture
def rig(db: Database) -> AlertRig:
    return AlertRig(db)


def test_there_are_rules_from_the_beginning(rig: AlertRig) -> None:
    kinds = [rule.kind for rule in rig.rules.all()]
    assert kinds == [kind for kind in RuleKind if kind is not RuleKind.SPEND]
    assert all(rule.is_builtin and rule.is_enabled for rule in rig.rules.all())
    for rule in rig.rules.all():
        # What stands there is what an admin might have said.
        same = rig.rules.change(rule.id, {"parameters": dict(rule.parameters)}, actor=ADMIN)
        assert same == rule
        with pytest.raises(Conflict, match="disable it"):
            rig.rules.remove(rule.id, actor=ADMIN)
    assert rig.actions() == []


def test_the_default_rule_follows_the_setting_until_it_has_thresholds_of_its_own(
    rig: AlertRig,
) -> None:
    assert list(rig.rules.marks().percents("acme")) == [80, 100]
    rig.thresholds = (60,)
    assert list(rig.rules.marks().percents("acme", "ada")) == [60]
    rig.rules.change(1, {"parameters": {"thresholds": [120, 50]}}, actor=ADMIN)
    assert list(rig.rules.marks().percents("acme")) == [50, 120]
    rig.rules.change(1, {"parameters": {"thresholds": None}}, actor=ADMIN)
    assert list(rig.rules.marks().percents("acme")) == [60]
    rig.rules.change(1, {"is_enabled": False}, actor=ADMIN)
    assert rig.rules.marks().percents("acme") == {}
    assert rig.actions() == ["alert_rule.changed"] * 3


def test_another_process_follows_with_its_next_reload(rig: AlertRig) -> None:
    other = AlertRig(rig.db)
    rig.add("spend", parameters={"period": "day", "amounts": ["2.5", 1]})
    assert not other.rules.marks().has_amounts
    assert other.rules.reload() is True
    assert other.rules.reload() is False
    assert other.rules.marks().has_amounts


def test_a_rule_of_ones_own(rig: AlertRig) -> None:
    acme = rig.organization()
    rule = rig.rules.create(
        {
            "name": " Twice ",
            "kind": "spend",
            "level": "organization",
            "client_id": acme,
            "severity": "critical",
            "channels": ["email"],
            "emails": ["a@b.example", "a@b.example"],
            "parameters": {"amounts": ["20", "10.50"]},
        },
        actor=ADMIN,
    )
    assert rig.rules.get(rule.id) == rule
    assert (rule.name, rule.emails) == ("Twice", ("a@b.example",))
    assert rule.parameters == {"period": "month", "amounts": ["10.5", "20"]}
    changed = rig.rules.change(rule.id, {"parameters": {"period": "day"}}, actor=ADMIN)
    assert changed.parameters == {"period": "day", "amounts": ["10.5", "20"]}
    rig.rules.remove(rule.id, actor=ADMIN)
    with pytest.raises(NotFound):
        rig.rules.get(rule.id)
    with pytest.raises(NotFound):
        rig.rules.change(rule.id, {"name": "x"}, actor=ADMIN)
    assert rig.actions() == ["alert_rule.created", "alert_rule.changed", "alert_rule.removed"]


BAD: list[tuple[str, dict[str, Any]]] = [
    ("kind", {"kind": "weather"}),
    ("kind", {"kind": None}),
    ("level", {"level": "planet"}),
    ("level", {"kind": "key", "level": "user", "user_id": "ada"}),
    ("client_id", {"level": "organization"}),
    ("client_id", {"level": "organization", "client_id": "nobody"}),
    ("client_id", {"client_id": "acme"}),
    ("user_id", {"level": "user"}),
    ("user_id", {"user_id": "ada"}),
    ("severity", {"severity": "doom"}),
    ("is_enabled", {"is_enabled": "yes"}),
    ("name", {"name": ""}),
    ("name", {"name": "a\nb"}),
    ("channels", {"channels": ["pigeon"]}),
    ("channels", {"channels": ["email", "email"]}),
    ("channels", {"channels": "email"}),
    ("emails", {"emails": ["ops"]}),
    ("emails", {"emails": ["a@b\r\nBcc: c@d"]}),
    ("emails", {"emails": ["A <a@b>"]}),
    ("emails", {"emails": [f"a{n}@b" for n in range(21)]}),
    ("notify_organization", {"kind": "key", "parameters": {}, "notify_organization": True}),
    ("color", {"color": "red"}),
    ("parameters", {"parameters": []}),
    ("parameters.hours", {"parameters": {"hours": 3}}),
    *(
        ("parameters.thresholds", {"parameters": {"thresholds": wrong}})
        for wrong in ([0], [-5], [1001], [80, 80], [80.5], ["80"], [True], "80", list(range(1, 22)))
    ),
    *(
        ("parameters.amounts", {"kind": "spend", "parameters": {"amounts": wrong}})
        for wrong in ([], [0], ["-1"], ["1", "1.0"], ["NaN"], ["0.0000000000001"], [9_000_001], "5")
    ),
    ("parameters.period", {"kind": "spend", "parameters": {"amounts": [1], "period": "week"}}),
    ("parameters.factor", {"kind": "spike", "parameters": {"factor": "0.5"}}),
    ("parameters.factor", {"kind": "spike", "parameters": {"factor": "Infinity"}}),
    ("parameters.floor", {"kind": "spike", "parameters": {"floor": "-1"}}),
    ("parameters.basis", {"kind": "spike", "parameters": {"basis": "moon"}}),
    ("parameters.day", {"kind": "spike", "parameters": {"day": "tomorrow"}}),
    ("parameters.active_days", {"kind": "quiet", "parameters": {"active_days": 15}}),
    ("parameters.quiet_days", {"kind": "quiet", "parameters": {"quiet_days": 0}}),
    ("parameters.percent", {"kind": "capture", "parameters": {"percent": 0}}),
    ("parameters.percent", {"kind": "capture", "parameters": {"percent": "100.1"}}),
    ("parameters.hours", {"kind": "pending", "parameters": {"hours": 0}}),
    ("parameters.hours", {"kind": "pending", "parameters": {"hours": True}}),
]


def test_what_cannot_be_a_rule_is_named(rig: AlertRig) -> None:
    for field, wrong in BAD:
        with pytest.raises(BadInput) as raised:
            rig.rules.create({"name": "x", "kind": "limit", **wrong}, actor=ADMIN)
        assert raised.value.field == field, wrong
    for field in ("kind", "level", "client_id", "user_id"):
        with pytest.raises(BadInput) as raised:
            rig.rules.change(1, {field: "limit"}, actor=ADMIN)
        assert raised.value.field == field
    for missing in ({"kind": "limit"}, {"name": "x"}):
        with pytest.raises(BadInput):
            rig.rules.create(missing, actor=ADMIN)
    assert rig.actions() == []


def test_an_alert_is_taken_on_and_resolved_by_people(rig: AlertRig) -> None:
    acme = rig.organization(monthly_limit_pusd=10 * PICO)
    rig.spend(acme, "10")
    first, second = rig.found()
    taken = rig.alerts.acknowledge(first.id, note=" on it ", actor=ADMIN)
    assert (taken.state, taken.note, taken.acknowledged_by) == ("acknowledged", "on it", "grace")
    assert taken.acknowledged_at_ms == NOON
    done = rig.alerts.resolve(first.id, note=None, actor=ADMIN)
    assert (done.state, done.note, done.resolved_by) == ("resolved", "on it", "grace")
    with pytest.raises(Conflict):
        rig.alerts.acknowledge(first.id, note=None, actor=ADMIN)
    with pytest.raises(Conflict):
        rig.alerts.resolve(first.id, note=None, actor=ADMIN)
    with pytest.raises(NotFound):
        rig.alerts.resolve(10_000, note=None, actor=ADMIN)
    with pytest.raises(BadInput, match="note"):
        rig.alerts.resolve(second.id, note="x" * 2001, actor=ADMIN)
    assert rig.actions() == ["alert.acknowledged", "alert.resolved"]
    # A look does not bring back what a person has resolved.
    rig.look()
    assert [one.id for one in rig.found() if one.state == "open"] == [second.id]


def test_alerts_by_filter(rig: AlertRig) -> None:
    acme, other = (
        rig.organization(name, monthly_limit_pusd=10 * PICO) for name in ("Acme", "Other")
    )
    rig.spend(acme, "10")
    rig.spend(other, "8")
    rig.alerts.resolve(rig.found()[0].id, note=None, actor=ADMIN)

    def count(**wanted: Any) -> int:
        return rig.alerts.page(AlertFilter(**wanted), offset=0, limit=1)[1]

    assert count() == 3
    assert (count(state="open"), count(state="resolved")) == (2, 1)
    assert (count(organization_id=acme), count(organization_id="x")) == (2, 0)
    assert (count(kind="limit.threshold_crossed"), count(kind="limit.reached")) == (3, 0)
    assert (count(severity="warning"), count(severity="critical")) == (3, 0)


def test_a_mute_that_makes_no_sense(rig: AlertRig) -> None:
    wrongs: list[tuple[str, dict[str, Any]]] = [
        ("until", {"rule_id": 1, "until_ms": NOON}),
        ("until", {"rule_id": 1, "until_ms": NOON + 400 * DAY_MS}),
        ("rule_id", {}),
        ("rule_id", {"rule_id": 999}),
        ("client_id", {"client_id": "nobody"}),
        ("note", {"rule_id": 1, "note": "x" * 2001}),
    ]
    for field, wrong in wrongs:
        with pytest.raises(BadInput) as raised:
            rig.alerts.mute(wrong, until_ms=wrong.get("until_ms", NOON + 1), actor=ADMIN)
        assert raised.value.field == field
    with pytest.raises(NotFound):
        rig.alerts.unmute(1, actor=ADMIN)
    assert rig.actions() == []
