"""Settings that change while everything runs: database over environment over default."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import ConfigurationError, Outdated, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import (
    Actor,
    AssignmentRule,
    AuditFilter,
    NoVault,
    Vault,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.live_settings import LiveSettings
from mai_usage_ext.services.setting_values import LIVE_SETTINGS
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.models import UsageSetting
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.settings import SettingRows
from mai_usage_ext.storage.vault import KeyRing
from tests.conftest import ON_SQLITE, Swallowed

ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")
SECRET = "sk-or-v1-" + "0e6f1c9a" * 8
OTHER = "sk-or-v1-" + "7b3d2a41" * 8
KEY = "openrouter_provisioning_key"
RULE = {"kind": "email_domain", "value": "@Acme.example", "client_org_id": "acme"}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.ms = 1_768_903_200_000

    def now_ms(self) -> int:
        return self.ms


@dataclass
class Place:
    """A database, and workers that share it."""

    db: Database
    clock: Clock

    def __post_init__(self) -> None:
        self.store = SettingRows(self.db)
        self.audit = Audit(AuditRows(self.db), clock=self.clock)
        self.ring: Vault = KeyRing(["a first secret to derive from"])

    def worker(self, *, vault: Vault | None = None, **environ: str) -> LiveSettings:
        made = LiveSettings(
            self.store,
            settings=Settings.from_env(environ),
            vault=vault or self.ring,
            audit=self.audit,
            unit_of_work=partial(transaction, self.db),
            organization_exists=lambda organization_id: organization_id == "acme",
            clock=self.clock,
        )
        made.reload()
        return made

    def hand_writes(self, name: str, text: str) -> None:
        with transaction(self.db):
            write(self.db, UsageSetting.delete().where(UsageSetting.name == name))
            columns: dict[str, Any] = {"updated_at_ms": self.clock.ms, "updated_by": "hand"}
            write(self.db, UsageSetting.insert(name=name, value=text, **columns))

    def audited(self) -> list[tuple[Any, Any]]:
        records, _ = self.audit.page(AuditFilter(), offset=0, limit=100)
        return [(record.before, record.after) for record in records]


@pytest.fixture
def place(database_url: str) -> Iterator[Place]:
    db = open_database(database_url, owned=True)
    Migrator(db, version="0.1.0").up()
    yield Place(db, Clock())
    close_database(db)


def test_the_database_wins_over_the_environment_and_that_over_the_default(place: Place) -> None:
    worker = place.worker(DEFAULT_MARKUP_RATE="1.5", MAI_USAGE_RATE_LIMIT="50")
    assert worker.current.default_rate_micro == 1_500_000
    assert worker.view().sources["default_markup_rate"] == "environment"
    assert worker.view().sources["timezone"] == "default"
    view = worker.change({"default_markup_rate": "1.75"}, actor=ADMIN)
    assert worker.current.default_rate_micro == 1_750_000
    assert view.values["default_markup_rate"] == "1.75"
    assert view.sources == {
        name: {"default_markup_rate": "database", "rate_limit": "environment"}.get(name, "default")
        for name in LIVE_SETTINGS
    }
    view = worker.change({"default_markup_rate": None}, actor=ADMIN)
    assert view.sources["default_markup_rate"] == "environment"
    assert worker.current.default_rate_micro == 1_500_000


def test_every_setting_can_be_set_and_is_read_by_another_worker(place: Place) -> None:
    one, two = place.worker(), place.worker()
    one.change(
        {
            KEY: SECRET,
            "default_markup_rate": Decimal("2"),
            "billing_currency": "EUR",
            "timezone": "Europe/Warsaw",
            "default_hold": "0.000000000001",
            "commit_wait_ms": 500,
            "alert_thresholds": [90, 50, 90],
            "alert_emails": ["ops@example.com", "boss@example.com", "ops@example.com"],
            "rate_limit": 7,
            "assignment_rules": [RULE, {**RULE, "kind": "group", "role": "manager"}],
            "seller_name": " Łąka Ltd ",
            "seller_address": "1 High Street\nLondon",
            "seller_tax_id": "GB 1",
            "seller_email": "money@example.com",
            "seller_note": "Thank you.",
            "statement_prefix": "INV-",
            "auto_close_statements": "2026-01",
            "fx_sources": {"PLN": "nbp", "EUR": "manual"},
        },
        actor=ADMIN,
    )
    assert two.current.rate_limit == 600
    assert two.reload() is True
    assert two.reload() is False
    assert two.current == one.current
    now = two.current
    assert now.provisioning_key == SECRET
    assert now.default_rate_micro == 2_000_000
    assert (now.billing_currency, now.time_zone) == ("EUR", "Europe/Warsaw")
    assert (now.default_hold_pusd, now.hold_wait_ms, now.rate_limit) == (1, 500, 7)
    assert now.alert_thresholds == (50, 90)
    assert now.alert_emails == ("ops@example.com", "boss@example.com")
    assert now.assignment_rules == (
        AssignmentRule(kind="email_domain", value="acme.example", organization_id="acme"),
        AssignmentRule(kind="group", value="@Acme.example", organization_id="acme", role="manager"),
    )
    assert (now.seller_name, now.auto_close_statements) == ("Łąka Ltd", "2026-01")
    view = two.view()
    assert view.values["fx_sources"] == {"EUR": "manual", "PLN": "nbp"}
    assert view.values["default_hold"] == "0.000000000001"
    assert view.values["alert_thresholds"] == [50, 90]
    assert view.values["assignment_rules"][0] == {
        "kind": "email_domain",
        "value": "acme.example",
        "client_org_id": "acme",
        "role": "member",
    }
    assert set(view.sources.values()) == {"database"}
    # What is shown may be sent back as it is, and is no change then.
    assert one.change(view.values, actor=ADMIN, version=view.version) == view
    assert len(place.audited()) == 1


def test_an_empty_list_of_marks_is_a_choice_of_its_own(place: Place) -> None:
    worker = place.worker()
    worker.change({"alert_thresholds": []}, actor=ADMIN)
    assert worker.current.alert_thresholds == ()
    assert place.worker().view().values["alert_thresholds"] == []


BAD: dict[str, list[Any]] = {
    "default_markup_rate": ["-1", "NaN", 1.3, "1.1234567", True, "0.9", [1], "1e999999", ""],
    "billing_currency": ["euro", "", 5, "US", {}],
    "timezone": ["Mars/Olympus", "../../etc/passwd", "Europe", "", 1, "a\x00b"],
    "default_hold": ["-0.05", "0.0000000000001", "Infinity", "9000001", 0.05, "much"],
    "commit_wait_ms": [0, "250", True, 60_001, 10**400, 2.5],
    "alert_emails": ["a@b", ["a"], ["a@b,c@d"], ["a@b\nBcc: c@d"], [1], [""]],
    "alert_thresholds": ["80,90", [0], [101], ["80"], list(range(1, 12)), 80, [True]],
    "rate_limit": [0, -5, 1_000_001, [5]],
    "assignment_rules": [
        "acme",
        [{}],
        [5],
        [{**RULE, "kind": "phone"}],
        [{**RULE, "value": "not a domain"}],
        [{**RULE, "value": "' OR 1=1 --"}],
        [{**RULE, "kind": "group", "value": "x" * 201}],
        [{**RULE, "client_org_id": "another"}],
        [{**RULE, "client_org_id": None}],
        [{**RULE, "role": "owner"}],
        [{**RULE, "role": ["member"]}],
        [{**RULE, "more": 1}],
        [RULE, RULE],
        [{**RULE, "value": f"{n}.example"} for n in range(1001)],
    ],
    KEY: ["", "***", "with a space", "żółć", "x" * 501, 5],
    "allow_loss": ["yes"],
    "no_such_setting": [1],
}


@ON_SQLITE
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_named_and_nothing_is_written(place: Place, name: str) -> None:
    worker = place.worker()
    before = worker.view()
    for value in BAD[name]:
        with pytest.raises(ConfigurationError) as caught:
            worker.change({"commit_wait_ms": 300, name: value}, actor=ADMIN)
        (sentence,) = caught.value.problems
        assert sentence.startswith(f"{name} is "), sentence
        assert "expected" in sentence
        assert len(sentence) < 400
        assert name != KEY or not value or str(value) not in sentence
    assert worker.view() == before
    assert place.store.all() == {}
    assert place.audited() == []


def test_everything_that_is_wrong_is_said_at_once(place: Place) -> None:
    wrong = {"rate_limit": 0, "timezone": "Mars", "billing_currency": "USD", "x": 1}
    with pytest.raises(ConfigurationError) as caught:
        place.worker().change(wrong, actor=ADMIN)
    assert [text.split()[0] for text in caught.value.problems] == ["rate_limit", "timezone", "x"]


def test_a_markup_below_one_needs_a_word_that_it_is_meant(place: Place) -> None:
    worker = place.worker()
    with pytest.raises(ConfigurationError, match="allow_loss"):
        worker.change({"default_markup_rate": "0.9", "allow_loss": False}, actor=ADMIN)
    worker.change({"default_markup_rate": "0.9", "allow_loss": True}, actor=ADMIN)
    assert worker.current.default_rate_micro == 900_000
    # Sent back unchanged it needs no word again.
    worker.change({"default_markup_rate": "0.9", "rate_limit": 5}, actor=ADMIN)
    assert worker.current.rate_limit == 5


def test_a_change_says_which_version_it_is_of(place: Place) -> None:
    one, two = place.worker(), place.worker()
    seen = one.view().version
    two.change({"rate_limit": 5}, actor=ADMIN, version=seen)
    with pytest.raises(Outdated):
        one.change({"rate_limit": 6}, actor=ADMIN, version=seen)
    assert two.view().values["rate_limit"] == 5
    one.change({"rate_limit": 6}, actor=ADMIN, version=one.view().version)
    assert one.view().version == two.view().version != seen


def test_of_changes_at_once_only_one_has_the_right_version(place: Place) -> None:
    workers = [place.worker() for _ in range(6)]
    seen = workers[0].view().version
    begin = threading.Barrier(len(workers))
    outcomes: list[str] = []

    def change(number: int) -> None:
        begin.wait()
        try:
            workers[number].change({"rate_limit": number + 1}, actor=ADMIN, version=seen)
            outcomes.append("changed")
        except Outdated:
            outcomes.append("outdated")

    threads = [threading.Thread(target=change, args=(n,)) for n in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["changed"] + ["outdated"] * 5
    assert place.audit.verify().rows == 1


def test_the_key_is_sealed_masked_and_never_audited(place: Place) -> None:
    worker = place.worker(OPENROUTER_PROVISIONING_KEY=OTHER)
    assert worker.view().values[KEY] == "sk-or-v1-…a41"
    view = worker.change({KEY: SECRET}, actor=ADMIN)
    assert view.values[KEY] == "sk-or-v1-…c9a"
    assert worker.current.provisioning_key == SECRET
    assert SECRET not in str(place.store.all()) + repr(worker.current) + repr(view)
    worker.change({KEY: OTHER}, actor=ADMIN)
    worker.change({KEY: None}, actor=ADMIN)
    assert worker.current.provisioning_key == OTHER
    assert worker.view().sources[KEY] == "environment"
    assert place.audited() == [
        ({KEY: "set"}, {KEY: "removed"}),
        ({KEY: "set"}, {KEY: "changed"}),
        ({KEY: None}, {KEY: "set"}),
    ]


def test_the_masked_key_sent_back_changes_nothing(place: Place) -> None:
    worker = place.worker(OPENROUTER_PROVISIONING_KEY=OTHER)
    worker.change({KEY: worker.view().values[KEY]}, actor=ADMIN)
    assert worker.view().sources[KEY] == "environment"
    worker.change({KEY: SECRET}, actor=ADMIN)
    worker.change({KEY: worker.view().values[KEY], "rate_limit": 5}, actor=ADMIN)
    assert worker.current.provisioning_key == SECRET
    assert place.audited()[0] == ({"rate_limit": 600}, {"rate_limit": 5})


@pytest.mark.parametrize("short", ["k", "sk-or-v1-12345678901"])
def test_of_a_short_key_nothing_is_shown(place: Place, short: str) -> None:
    view = place.worker().change({KEY: short}, actor=ADMIN)
    assert view.values[KEY] == "***"


def test_a_key_that_does_not_open_is_not_replaced_by_the_environments(place: Place) -> None:
    place.worker().change({KEY: SECRET}, actor=ADMIN)
    worker = place.worker(
        vault=KeyRing(["another secret altogether"]), OPENROUTER_PROVISIONING_KEY=OTHER
    )
    assert worker.current.provisioning_key is None
    view = worker.view()
    assert (view.values[KEY], view.sources[KEY]) == (None, "database")
    assert "needs re-entry" in view.problems[0]
    # Sending back that there is none takes the override away; a new key repairs it.
    assert worker.change({KEY: SECRET}, actor=ADMIN).problems == ()
    assert worker.current.provisioning_key == SECRET


def test_a_key_sealed_for_another_row_does_not_open(place: Place) -> None:
    sealed = place.ring.seal(SECRET, bound_to="client_organizations/acme")
    place.hand_writes(KEY, f'"{sealed}"')
    worker = place.worker()
    assert worker.current.provisioning_key is None
    assert "needs re-entry" in worker.view().problems[0]


def test_without_a_ring_a_key_is_refused_and_the_rest_works(place: Place) -> None:
    worker = place.worker(vault=NoVault())
    with pytest.raises(ConfigurationError) as caught:
        worker.change({KEY: SECRET, "rate_limit": 5}, actor=ADMIN)
    (sentence,) = caught.value.problems
    assert sentence.startswith(KEY)
    assert "MAI_USAGE_ENCRYPTION_KEYS" in sentence
    assert worker.change({"rate_limit": 5}, actor=ADMIN).values["rate_limit"] == 5


def test_a_row_that_cannot_be_used_leaves_what_held(place: Place) -> None:
    worker = place.worker(MAI_USAGE_RATE_LIMIT="50")
    for text in ("not json", '"many"', "-1", "null", "[" * 100_000):
        place.hand_writes("rate_limit", text)
        view = worker.view()
        assert (view.values["rate_limit"], view.sources["rate_limit"]) == (50, "environment")
        assert view.problems[0].startswith("rate_limit is ")
    worker.change({"rate_limit": 7}, actor=ADMIN)
    assert worker.view().problems == ()
    place.hand_writes("rate_limit", "none")
    place.hand_writes("billing_currency", '"EUR"')
    view = worker.view()
    assert (view.values["rate_limit"], view.values["billing_currency"]) == (7, "EUR")
    assert view.sources["rate_limit"] == "database"
    assert len(view.problems) == 1
    # What holds is still the seven, but the row has to be written.
    assert worker.change({"rate_limit": 7}, actor=ADMIN).problems == ()
    assert place.store.all()["rate_limit"].value == 7


def test_a_bad_row_is_warned_of_once_a_minute(place: Place) -> None:
    place.hand_writes("rate_limit", "0")
    worker = place.worker()
    for _ in range(60):
        place.clock.ms += 2_000
        worker.reload()
    assert tally["settings not usable"] == 3


def test_rows_of_other_names_are_none_of_our_business(place: Place) -> None:
    place.hand_writes("something_else", "{}")
    worker = place.worker()
    assert worker.view().problems == ()
    assert "something_else" not in worker.view().values


def test_while_the_database_is_away_the_last_values_hold(
    place: Place, monkeypatch: pytest.MonkeyPatch, swallowed: Swallowed
) -> None:
    worker = place.worker()
    worker.change({"rate_limit": 5}, actor=ADMIN)

    def away() -> object:
        raise StorageUnavailable("the server closed the connection")

    monkeypatch.setattr(place.store, "all", away)
    assert worker.reload() is False
    assert worker.view().values["rate_limit"] == 5
    assert tally["settings not read"] == 2
    with pytest.raises(StorageUnavailable):
        worker.change({"rate_limit": 6}, actor=ADMIN)

    def broken() -> object:
        raise RuntimeError("a bug")

    monkeypatch.setattr(place.store, "all", broken)
    assert worker.reload() is False
    assert worker.current.rate_limit == 5
    assert str(swallowed.expect("reading the settings")) == "a bug"


def test_a_change_that_cannot_be_audited_is_not_made(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = place.worker()

    def refuse(**_: object) -> None:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(place.audit, "record", refuse)
    with pytest.raises(StorageUnavailable):
        worker.change({"rate_limit": 5}, actor=ADMIN)
    assert place.store.all() == {}
    assert worker.view().values["rate_limit"] == 600
