"""The key columns: what is read of them, and that no two changes both win."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import Conflict
from mai_usage_ext.ports import HoldState, KeyFacts, KeyState, SealedSecret
from mai_usage_ext.services.resealing import Resealed, reseal
from mai_usage_ext.storage.keys import KeyRows, bound_to, key_of, key_record_of
from mai_usage_ext.storage.models import (
    ClientMonthTotal,
    ClientOrganization,
    PricingRule,
    UsageHold,
    UsageLedger,
    UsageSetting,
)
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sealed import SealedRows
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.vault import KeyRing

SECRET = "sk-or-v1-" + "5" * 64
NOW = 1_790_000_000_000
VAULT = KeyRing(["a key to seal with"])
WINDOW = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000)
PICO = 10**12


def insert(db: Database, table: Any, /, **columns: Any) -> None:
    with transaction(db):
        write(db, table.insert(**columns))


def organization(db: Database, name: str = "acme", **columns: Any) -> str:
    columns = {"slug": name, "name": name, "created_at_ms": 0, "updated_at_ms": 0, **columns}
    insert(db, ClientOrganization, id=name, **columns)
    return name


def row_of(db: Database, name: str = "acme") -> ClientOrganization:
    query = ClientOrganization.select().where(ClientOrganization.id == name)
    with session(db):
        return query.bind(db).get()


@pytest.fixture
def rows(db: Database) -> KeyRows:
    return KeyRows(db, VAULT)


def facts_of(rows: KeyRows, name: str = "acme") -> KeyFacts:
    facts = rows.facts(name)
    assert facts is not None
    return facts


def keep(rows: KeyRows, facts: KeyFacts, **changes: Any) -> bool:
    wanted: dict[str, Any] = {
        "secret": SECRET, "key_hash": "hash-1", "label": "sk-or-v1-555...555",
        "pending": None, "retire_at_ms": None, "now_ms": NOW,
    }  # fmt: skip
    return rows.keep(facts, **{**wanted, **changes})


def test_an_organization_without_a_key(db: Database, rows: KeyRows) -> None:
    organization(db)
    facts = facts_of(rows)
    assert (facts.key.state, facts.stored_state) == (KeyState.NONE, KeyState.NONE)
    assert rows.facts("nobody") is None
    assert rows.secret("acme") is None
    assert rows.secret("nobody") is None
    assert rows.all_facts() == []
    assert key_of(row_of(db), VAULT).state is KeyState.NONE


def test_what_is_kept(db: Database, rows: KeyRows) -> None:
    organization(db)
    assert keep(rows, facts_of(rows))
    row = row_of(db)
    assert SECRET not in str(row.__data__)
    key = key_of(row, VAULT)
    assert (key.state, key.secret) == (KeyState.ACTIVE, SECRET)
    assert SECRET not in repr(key)
    record = key_record_of(row, VAULT)
    assert (record.state, record.hash, record.checked_at_ms) == (KeyState.ACTIVE, "hash-1", NOW)
    assert rows.secret("acme") == SECRET
    assert [facts.organization_id for facts in rows.all_facts()] == ["acme"]
    assert rows.holder_of("hash-1") == "acme"
    assert rows.holder_of("hash-2") is None


def test_another_ring_opens_nothing_and_breaks_nothing(db: Database, rows: KeyRows) -> None:
    organization(db)
    keep(rows, facts_of(rows))
    other = KeyRing(["some other key"])
    assert key_of(row_of(db), other).state is KeyState.UNREADABLE
    facts = KeyRows(db, other).facts("acme")
    assert facts is not None
    assert (facts.key.state, facts.stored_state) == (KeyState.UNREADABLE, KeyState.ACTIVE)
    assert KeyRows(db, other).secret("acme") is None


def test_a_secret_copied_to_another_row_does_not_open(db: Database, rows: KeyRows) -> None:
    organization(db)
    organization(db, "evil")
    keep(rows, facts_of(rows))
    with transaction(db):
        stolen = row_of(db).openrouter_key_ciphertext
        change = ClientOrganization.update(
            openrouter_key_ciphertext=stolen, openrouter_key_state="active"
        )
        write(db, change.where(ClientOrganization.id == "evil"))
    assert key_of(row_of(db, "evil"), VAULT).state is KeyState.UNREADABLE


@pytest.mark.parametrize("state", [KeyState.DISABLED, KeyState.LOST])
def test_no_secret_in_other_states(db: Database, rows: KeyRows, state: KeyState) -> None:
    organization(db)
    keep(rows, facts_of(rows))
    assert rows.set_state(facts_of(rows), state)
    key = key_of(row_of(db), VAULT)
    assert (key.state, key.secret) == (state, None)


def test_of_two_claims_one_wins(db: Database, rows: KeyRows) -> None:
    organization(db)
    seen = facts_of(rows)
    assert rows.claim(seen, name="first", now_ms=NOW)
    assert not rows.claim(seen, name="second", now_ms=NOW)
    assert not keep(rows, seen, pending=("second", NOW))
    assert not keep(rows, seen, pending=("first", NOW - 1))
    assert keep(rows, seen, pending=("first", NOW))
    assert facts_of(rows).key.pending_name is None


def test_a_claim_that_was_taken_over(db: Database, rows: KeyRows) -> None:
    organization(db)
    rows.claim(facts_of(rows), name="name", now_ms=NOW)
    seen = facts_of(rows)
    assert rows.claim(seen, name="name", now_ms=NOW + 1)
    assert not rows.release("acme", name="name", at_ms=NOW)
    assert not rows.give_up("acme", name="name", at_ms=NOW, aged_ms=1)
    assert rows.give_up("acme", name="name", at_ms=NOW + 1, aged_ms=5)
    assert facts_of(rows).key.pending_at_ms == NOW - 4
    assert rows.release("acme", name="name", at_ms=NOW - 4)
    assert facts_of(rows).key.pending_name is None


def test_nothing_is_kept_over_a_change(db: Database, rows: KeyRows) -> None:
    organization(db)
    keep(rows, facts_of(rows))
    seen = facts_of(rows)
    assert rows.set_state(seen, KeyState.DISABLED)
    assert not keep(rows, seen, key_hash="hash-2")
    assert not rows.set_state(seen, KeyState.LOST)
    assert facts_of(rows).stored_state is KeyState.DISABLED


def test_nothing_is_kept_for_a_deactivated_organization(db: Database, rows: KeyRows) -> None:
    organization(db, status="deactivated")
    assert not facts_of(rows).is_active
    assert not keep(rows, facts_of(rows))


def test_a_replaced_key_is_kept_until_it_is_gone(db: Database, rows: KeyRows) -> None:
    organization(db)
    keep(rows, facts_of(rows))
    assert keep(rows, facts_of(rows), key_hash="hash-2", retire_at_ms=NOW + 60_000)
    key = facts_of(rows).key
    assert (key.hash, key.retiring_hash, key.retire_at_ms) == ("hash-2", "hash-1", NOW + 60_000)
    assert rows.holder_of("hash-1") == "acme"
    assert not rows.retired("acme", "hash-2")
    assert rows.retired("acme", "hash-1")
    assert facts_of(rows).key.retiring_hash is None


def test_a_key_belongs_to_one_organization(db: Database, rows: KeyRows) -> None:
    organization(db)
    organization(db, "other")
    keep(rows, facts_of(rows))
    with pytest.raises(Conflict) as raised:
        keep(rows, facts_of(rows, "other"))
    assert raised.value.field == "key"
    assert facts_of(rows, "other").key.state is KeyState.NONE


def test_problems_are_written_for_many_at_once(db: Database, rows: KeyRows) -> None:
    for number in range(3):
        organization(db, f"o{number}")
        rows.set_problem(f"o{number}", "it failed")
    rows.set_checked(["o0", "o2"], problem=None, now_ms=NOW)
    keys = [facts_of(rows, f"o{number}").key for number in range(3)]
    assert [key.problem for key in keys] == [None, "it failed", None]
    assert [key.checked_at_ms for key in keys] == [NOW, None, NOW]


def test_the_rules_of_an_organization_are_its_own_and_everybodys(
    db: Database, rows: KeyRows
) -> None:
    for name in ("acme", "other"):
        organization(db, name)
        keep(rows, facts_of(rows, name), key_hash=name)
    for number, holder in enumerate(("acme", "other", None)):
        rule = {"organization_id": holder, "effective_from_ms": number, "created_at_ms": 0}
        insert(db, PricingRule, rate_micro=number + 1, **rule)
    alone = facts_of(rows)
    together = next(facts for facts in rows.all_facts() if facts.organization_id == "acme")
    for facts in (alone, together):
        assert sorted(rule.rate_micro for rule in facts.rules) == [1, 3]


def test_a_planned_zone_holds_from_its_instant_on(db: Database, rows: KeyRows) -> None:
    organization(db, timezone="UTC", next_timezone="Asia/Kolkata", next_timezone_from_ms=NOW)
    facts = facts_of(rows)
    assert facts.time_zone_at(NOW - 1) == "UTC"
    assert facts.time_zone_at(NOW) == "Asia/Kolkata"
    assert replace(facts, next_time_zone=None).time_zone_at(NOW) == "UTC"


def book(db: Database, at_ms: int, day: date, raw_usd: int, **changes: Any) -> None:
    entry = {
        "generation_id": f"gen-{at_ms}-{day}-{raw_usd}", "sequence": 0, "partition_day": day,
        "organization_id": "acme", "user_id": "ada", "model": "m", "provider": "p",
        "purpose": "chat", "day": day, "at_ms": at_ms, "prompt_tokens": 1, "completion_tokens": 1,
        "cached_tokens": 0, "reasoning_tokens": 0, "raw_pusd": raw_usd * PICO, "billed_pusd": 1,
        "rate_micro": 1_000_000, "fee_pusd": 0, "outcome": "completed", "source": "stream",
        "first_byte_ms": None, "duration_ms": None, "booked_at_ms": at_ms,
    }  # fmt: skip
    make_months(db, at=day)
    insert(db, UsageLedger, **{**entry, **changes})


def overlap(rows: KeyRows, *, is_whole_month: bool = False) -> int:
    return rows.overlap_raw_pusd(
        "acme",
        window_from_ms=WINDOW,
        before_month="2026-07",
        is_whole_month=is_whole_month,
        rate_micro=1_500_000,
    )


def test_the_ledger_says_what_the_old_month_spent_in_the_new_window(
    db: Database, rows: KeyRows
) -> None:
    organization(db, timezone="America/New_York")
    june, july = date(2026, 6, 30), date(2026, 7, 1)
    hour = 3_600_000
    book(db, WINDOW - 1, june, 1)
    book(db, WINDOW, june, 10)
    book(db, WINDOW + 3 * hour, june, 100)
    book(db, WINDOW + 4 * hour, july, 1_000)
    book(db, WINDOW - 500, june, 10_000, duration_ms=1_000)
    assert overlap(rows) == 10_110 * PICO


def test_what_is_still_held_counts_too(db: Database, rows: KeyRows) -> None:
    organization(db, timezone="America/New_York")
    for number, (month, rate, closed) in enumerate(
        [
            ("2026-06", 2_000_000, None),
            ("2026-06", 2_000_000, NOW),
            ("2026-07", 2_000_000, None),
            ("2026-06", 0, None),
        ]
    ):
        hold = {
            "id": str(number), "organization_id": "acme", "user_id": "", "model": "m",
            "purpose": "chat", "estimate_pusd": 5, "rate_micro": rate, "fee_pusd": 0,
            "day": date(2026, 6, 30), "month": month, "at_ms": WINDOW, "owner": "p",
            "state": (HoldState.SETTLED if closed else HoldState.OPEN).value,
            "closed_at_ms": closed,
        }  # fmt: skip
        insert(db, UsageHold, **hold)
    assert overlap(rows) == 3


def test_a_whole_month_is_its_total_divided_by_the_markup(db: Database, rows: KeyRows) -> None:
    organization(db)
    assert overlap(rows, is_whole_month=True) == 0
    total = {"organization_id": "acme", "month": "2026-06", "user_id": ""}
    insert(db, ClientMonthTotal, spent_pusd=1_000, held_pusd=1, **total)
    insert(db, ClientMonthTotal, spent_pusd=7, held_pusd=7, **{**total, "user_id": "ada"})
    assert overlap(rows, is_whole_month=True) == 668


# Sealing everything anew.

OLD = KeyRing(["an old key of the ring"])
RING = KeyRing(["a new key of the ring", "an old key of the ring"])
SETTING = "openrouter_provisioning_key"


def sealed_under(db: Database, ring: KeyRing, *names: str) -> None:
    for name in names:
        organization(db, name)
        rows = KeyRows(db, ring)
        assert keep(rows, facts_of(rows, name), key_hash=name, secret=f"secret of {name}")


def setting(db: Database, name: str, value: str) -> None:
    insert(db, UsageSetting, name=name, value=value, updated_at_ms=NOW, updated_by="ada")


def test_everything_is_sealed_anew(db: Database) -> None:
    sealed_under(db, OLD, "o1", "o2")
    sealed_under(db, RING, "o3")
    sealed_under(db, KeyRing(["a key that is gone"]), "o4")
    sealed = OLD.seal("management", bound_to=f"usage_settings/{SETTING}")
    setting(db, SETTING, f'"{sealed}"')
    setting(db, "timezone", '"UTC"')
    setting(db, "broken", "{")
    seen: list[Resealed] = []
    result = reseal(SealedRows(db), RING, seen.append)
    assert (result.total, result.done, result.skipped) == (5, 3, 1)
    assert result.unreadable == (bound_to("o4"),)
    assert not result.was_interrupted
    assert [state.seen for state in seen] == [1, 2, 3, 4, 5]
    newest = KeyRing(["a new key of the ring"])
    for name in ("o1", "o2", "o3"):
        assert KeyRows(db, newest).secret(name) == f"secret of {name}"
    with session(db):
        stored = UsageSetting.select().where(UsageSetting.name == SETTING).bind(db).get()
    assert newest.open(stored.value.strip('"'), bound_to=f"usage_settings/{SETTING}") == (
        "management"
    )
    assert (stored.updated_at_ms, stored.updated_by) == (NOW, "ada")
    again = reseal(SealedRows(db), RING)
    assert (again.done, again.skipped, len(again.unreadable)) == (0, 4, 1)


def test_it_can_be_interrupted_and_goes_on_where_it_was(db: Database) -> None:
    names = [f"o{number:03}" for number in range(150)]
    sealed_under(db, OLD, *names)
    seen: list[Resealed] = []
    result = reseal(SealedRows(db), RING, seen.append, lambda: len(seen) == 120)
    assert (result.done, result.was_interrupted) == (120, True)
    result = reseal(SealedRows(db), RING)
    assert (result.done, result.skipped) == (30, 120)


def test_a_row_that_changes_meanwhile_is_left(db: Database) -> None:
    sealed_under(db, OLD, "o1")

    class Busy(SealedRows):
        """Somebody enters another key between the reading and the writing."""

        def replace(self, secret: SealedSecret, sealed: str) -> bool:
            rows = KeyRows(db, RING)
            assert keep(rows, facts_of(rows, "o1"), key_hash="new", secret="entered anew")
            return super().replace(secret, sealed)

    result = reseal(Busy(db), RING)
    assert (result.done, result.skipped) == (0, 1)
    assert KeyRows(db, RING).secret("o1") == "entered anew"
