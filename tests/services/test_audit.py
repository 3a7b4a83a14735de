"""What the audit trail keeps of a change, and that no secret is part of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import SYSTEM, Actor, AuditFilter, AuditRecord, KeyState
from mai_usage_ext.services.audit import GENESIS, Audit, canonical, chain_hash, masked

NOW_MS = 1_768_903_200_000
REAL_KEY = "sk-or-v1-" + "0e6f" * 16
ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")


class Clock:
    def now_ms(self) -> int:
        return NOW_MS


class MemoryTrail:
    """A trail in a list, for what does not depend on a database."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.end: tuple[int, str] = (0, GENESIS)

    def append(self, **fields: Any) -> AuditRecord:
        seq, previous_hash = self.end
        whole = {**fields, "seq": seq + 1, "previous_hash": previous_hash}
        record = AuditRecord(**whole, hash=chain_hash(**whole))
        self.records.append(record)
        self.end = (record.seq, record.hash)
        return record

    def page(self, wanted: AuditFilter, *, offset: int, limit: int) -> list[AuditRecord]:
        return self.records[::-1][offset : offset + limit]

    def count(self, wanted: AuditFilter) -> int:
        return len(self.records)

    def walk(self, *, after: int | None = None) -> Iterator[AuditRecord]:
        yield from [one for one in self.records if after is None or one.seq > after]

    def head(self) -> tuple[int, str]:
        return self.end


@pytest.fixture
def trail() -> MemoryTrail:
    return MemoryTrail()


@pytest.fixture
def audit(trail: MemoryTrail) -> Audit:
    return Audit(trail, clock=Clock())


def record(
    audit: Audit,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    audit.record(
        actor=ADMIN,
        action="organization.changed",
        target_kind="organization",
        target_id="acme",
        before=before,
        after=after,
    )


def test_a_record_says_who_did_what_from_where_and_when(audit: Audit, trail: MemoryTrail) -> None:
    record(audit, before={"name": "Acme"}, after={"name": "Acme & Söhne <b>"})
    (kept,) = trail.records
    assert kept.actor == ADMIN
    assert (kept.at_ms, kept.action, kept.target_id) == (NOW_MS, "organization.changed", "acme")
    assert kept.before == {"name": "Acme"}
    assert kept.after == {"name": "Acme & Söhne <b>"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("openrouter_key", "hunter2"),
        ("provisioning_key", "anything"),
        ("webhookSecret", "abc"),
        ("token", "abc"),
        ("PASSWORD", "abc"),
        ("password", 1234),
        ("openrouter_key_ciphertext", "v1:abc"),
        ("api_keys", ["one", "two"]),
        ("key", {"value": "abc"}),
        ("notes", f"the key is {REAL_KEY}, keep it"),
        ("notes", "Authorization: Bearer abcdef123456"),
        ("name", REAL_KEY),
        ("key_label", REAL_KEY),
        ("blob", b"\x00abc"),
    ],
)
def test_what_looks_like_a_secret_is_masked(name: str, value: object) -> None:
    text = canonical(masked({name: value}))
    assert "***" in text
    for secret in ("hunter2", "anything", "abc", "1234", "one", "two", "0e6f"):
        assert secret not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key_hash", "f01d52606dc8f0a8303a7b5cc3fa07109c2e346cec7c0a16b40de462992ce943"),
        ("key_state", "active"),
        ("key_label", "sk-or-v1-0e6...1c9"),
        ("openrouter_key_problem", "OpenRouter answered 401"),
        ("openrouter_key_checked_at_ms", NOW_MS),
        ("openrouter_provisioning_key", "changed"),
        ("openrouter_provisioning_key", None),
        ("prompt_tokens", 8174),
        ("has_key", True),
        ("key", {"state": "active", "label": "sk-or-v1-0e6...1c9"}),
        ("markup_rate", "1.3"),
        ("notes", "ask the task-force about bearer shares"),
    ],
)
def test_what_only_tells_of_a_secret_stays(name: str, value: object) -> None:
    assert masked({name: value}) == {name: value}


def test_values_become_what_json_has() -> None:
    kept = masked({"rate": Decimal("1.30"), "state": KeyState.NONE, "marks": (80, 90), 7: None})
    assert kept == {"rate": "1.30", "state": KeyState.NONE.value, "marks": [80, 90], "7": None}


def test_text_that_no_database_takes_is_replaced(audit: Audit, trail: MemoryTrail) -> None:
    record(audit, after={"name": "a\x00b\ud800c"})
    assert trail.records[0].after == {"name": "a\ufffdb\ufffdc"}
    assert audit.verify().is_intact


def test_an_empty_trail_is_intact(audit: Audit) -> None:
    verdict = audit.verify()
    assert verdict.is_intact
    assert (verdict.rows, verdict.head_seq, verdict.head_hash) == (0, 0, GENESIS)


def test_every_field_counts_for_the_hash(audit: Audit, trail: MemoryTrail) -> None:
    record(audit, before={"name": "Acme"}, after={"name": "Zeta"})
    (honest,) = trail.records
    forged = {
        "at_ms": 1,
        "actor": SYSTEM,
        "action": "x",
        "target_kind": "x",
        "target_id": "x",
        "before": None,
        "after": {},
        "previous_hash": "f" * 64,
        "hash": "f" * 64,
    }
    for name, value in forged.items():
        trail.records = [replace(honest, **{name: value})]
        verdict = audit.verify()
        assert (verdict.seq, verdict.rows) == (1, 0), name
        assert "was changed" in verdict.reason


def test_records_added_during_the_walk_do_not_look_forged(
    audit: Audit, trail: MemoryTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(audit)
    walk = trail.walk

    def walk_while_others_write(*, after: int | None = None) -> Iterator[AuditRecord]:
        yield from walk(after=after)
        if len(trail.records) < 4:
            record(audit)

    monkeypatch.setattr(trail, "walk", walk_while_others_write)
    verdict = audit.verify()
    assert verdict.is_intact
    assert verdict.rows == verdict.head_seq == 4


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (0, 0), (0, 1001)])
def test_a_page_has_bounds(audit: Audit, offset: int, limit: int) -> None:
    with pytest.raises(BadInput, match="offset" if offset < 0 else "limit"):
        audit.page(AuditFilter(), offset=offset, limit=limit)
