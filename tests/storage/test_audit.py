"""The audit trail in a database: one gapless chain, and every way to tamper with it is seen."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from peewee import Database

from mai_usage_ext.errors import StorageError
from mai_usage_ext.ports import Actor, AuditFilter
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.models import AuditHead, AuditLog
from mai_usage_ext.storage.sessions import execute, session, transaction, write

THREADS, EACH = 8, 50
AT_MS = 1_768_903_200_000


class Ticking:
    """Every look at the clock is one millisecond later."""

    def __init__(self) -> None:
        self._now_ms = AT_MS

    def now_ms(self) -> int:
        self._now_ms += 1
        return self._now_ms


@pytest.fixture
def audit(db: Database) -> Audit:
    return Audit(AuditRows(db), clock=Ticking())


def add(audit: Audit, count: int = 1, *, who: str = "grace", target: str = "acme") -> None:
    for number in range(count):
        audit.record(
            actor=Actor(kind="user", id=who, address="192.0.2.7"),
            action="organization.changed",
            target_kind="organization",
            target_id=target,
            before={"name": f"Acme {number}"},
            after={"name": f"Acme {number + 1}", "notes": "żółć 'quoted\" <b>", "limit": None},
        )


def test_what_is_read_is_what_was_written(db: Database, audit: Audit) -> None:
    add(audit, 2)
    (newest, oldest), total = audit.page(AuditFilter(), offset=0, limit=10)
    assert total == 2
    assert (oldest.seq, newest.seq) == (1, 2)
    assert newest.previous_hash == oldest.hash
    assert newest.actor == Actor(kind="user", id="grace", address="192.0.2.7")
    assert newest.after == {"name": "Acme 2", "notes": "żółć 'quoted\" <b>", "limit": None}
    assert AuditRows(db).head() == (2, newest.hash)
    assert audit.verify().is_intact


def test_a_record_goes_with_the_change_that_is_taken_back(db: Database, audit: Audit) -> None:
    add(audit)

    def fail_halfway() -> None:
        with transaction(db):
            add(audit)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    add(audit)
    verdict = audit.verify()
    assert (verdict.is_intact, verdict.rows) == (True, 2)


def test_pages_and_filters(audit: Audit) -> None:
    add(audit, 3)
    add(audit, 2, who="ada", target="zeta")

    def seqs(wanted: AuditFilter, offset: int = 0, limit: int = 10) -> tuple[list[int], int]:
        records, total = audit.page(wanted, offset=offset, limit=limit)
        return [record.seq for record in records], total

    assert seqs(AuditFilter()) == ([5, 4, 3, 2, 1], 5)
    assert seqs(AuditFilter(), offset=1, limit=2) == ([4, 3], 5)
    assert seqs(AuditFilter(actor_id="ada")) == ([5, 4], 2)
    assert seqs(AuditFilter(target_kind="organization", target_id="acme"), limit=1) == ([3], 3)
    assert seqs(AuditFilter(action="organization.made")) == ([], 0)
    assert seqs(AuditFilter(from_ms=AT_MS + 2, until_ms=AT_MS + 4)) == ([3, 2], 2)


def test_many_threads_add_to_one_chain(db: Database, audit: Audit) -> None:
    begin = threading.Barrier(THREADS)
    failed: list[Exception] = []

    def work(who: str) -> None:
        begin.wait()
        try:
            add(audit, EACH, who=who)
        except Exception as error:  # noqa: BLE001 - the test's thread shows it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"user-{n}",)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    verdict = audit.verify()
    assert (verdict.is_intact, verdict.rows) == (True, THREADS * EACH), verdict.reason
    for n in range(THREADS):
        assert audit.page(AuditFilter(actor_id=f"user-{n}"), offset=0, limit=1)[1] == EACH


def test_several_processes_add_to_one_chain(audit: Audit, database_url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-m", "tests.storage.test_audit", database_url, who])
        for who in ("one", "two")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    verdict = audit.verify()
    assert (verdict.is_intact, verdict.rows) == (True, 2 * EACH), verdict.reason


def test_a_long_trail_is_walked_in_batches(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mai_usage_ext.storage.audit._BATCH", 7)
    add(audit, 30)
    assert audit.verify().rows == 30


def changed(column: str, value: object) -> Callable[[Database], None]:
    def tamper(db: Database) -> None:
        write(db, AuditLog.update(**{column: value}).where(AuditLog.seq == 5))

    return tamper


def taken_out(seq: int) -> Callable[[Database], None]:
    def tamper(db: Database) -> None:
        write(db, AuditLog.delete().where(AuditLog.seq == seq))

    return tamper


def taken_out_and_closed_up(db: Database) -> None:
    write(db, AuditLog.delete().where(AuditLog.seq == 5))
    for seq in range(6, 11):
        write(db, AuditLog.update(seq=seq - 1).where(AuditLog.seq == seq))


def swapped(db: Database) -> None:
    for here, there in ((5, 99), (6, 5), (99, 6)):
        write(db, AuditLog.update(seq=there).where(AuditLog.seq == here))


def put_in(seq: int) -> Callable[[Database], None]:
    def tamper(db: Database) -> None:
        row = AuditLog.select().where(AuditLog.seq == 5).bind(db).dicts().get()
        write(db, AuditLog.insert(**{**row, "seq": seq}))

    return tamper


def first_ones_taken_out(db: Database) -> None:
    write(db, AuditLog.delete().where(AuditLog.seq <= 3))


def emptied(db: Database) -> None:
    write(db, AuditLog.delete())


def head_taken_out(db: Database) -> None:
    write(db, AuditHead.delete())


def head_replaced(db: Database) -> None:
    write(db, AuditHead.update(hash="f" * 64))


@pytest.mark.parametrize(
    ("tamper", "seq", "reason"),
    [
        (changed("at_ms", 1), 5, "was changed"),
        (changed("actor_kind", "cli"), 5, "was changed"),
        (changed("actor_id", "mallory"), 5, "was changed"),
        (changed("address", ""), 5, "was changed"),
        (changed("action", "x"), 5, "was changed"),
        (changed("target_kind", "x"), 5, "was changed"),
        (changed("target_id", "x"), 5, "was changed"),
        (changed("before", None), 5, "was changed"),
        (changed("before", '{"name": "Acme 4"}'), 5, "was changed"),
        (changed("before", "not json"), 5, "was changed"),
        (changed("before", "[" * 5000), 5, "was changed"),
        (changed("after", '{"name":"x"}'), 5, "was changed"),
        (changed("previous_hash", "f" * 64), 5, "was changed"),
        (changed("hash", "f" * 64), 5, "was changed"),
        (taken_out(5), 5, "is missing"),
        (first_ones_taken_out, 1, "is missing"),
        (taken_out(10), 10, "is missing"),
        (emptied, 1, "is missing"),
        (taken_out_and_closed_up, 5, "was changed"),
        (swapped, 5, "was changed"),
        (put_in(0), 0, "before the first"),
        (put_in(11), 11, "was changed"),
        (head_taken_out, 1, "was put in"),
        (head_replaced, 10, "was replaced"),
    ],
)
def test_tampering_is_seen_and_named(
    db: Database, audit: Audit, tamper: Callable[[Database], None], seq: int, reason: str
) -> None:
    add(audit, 10)
    with transaction(db):
        tamper(db)
    verdict = audit.verify()
    assert (verdict.is_intact, verdict.seq) == (False, seq), verdict.reason
    assert reason in verdict.reason
    assert str(seq) in verdict.reason
    if tamper not in (head_taken_out, head_replaced):
        assert verdict.rows == max(seq - 1, 0)
    # A broken trail can still be read.
    audit.page(AuditFilter(), offset=0, limit=20)


@pytest.mark.parametrize(("seq", "named"), [(5, 6), (10, 10)])
def test_a_changed_record_with_a_new_hash_of_its_own_is_seen(
    db: Database, audit: Audit, seq: int, named: int
) -> None:
    add(audit, 10)
    forged = Audit(AuditRows(db), clock=Ticking())
    with transaction(db):
        # The forger has our own code write the record anew, as if it were the last one.
        write(db, AuditLog.delete().where(AuditLog.seq == seq))
        kept = AuditHead.select().bind(db).get()
        previous = AuditLog.select().where(AuditLog.seq == seq - 1).bind(db).get()
        write(db, AuditHead.update(seq=previous.seq, hash=previous.hash))
        add(forged, who="mallory")
        write(db, AuditHead.update(seq=kept.seq, hash=kept.hash))
    verdict = audit.verify()
    assert verdict.seq == named


def test_values_of_another_type_are_seen(db: Database, audit: Audit) -> None:
    """SQLite keeps whatever a hand writes into a column."""
    add(audit, 3)
    if not is_sqlite(db):
        with pytest.raises(Exception, match="bigint"), session(db):
            execute(db, "UPDATE audit_log SET at_ms = 'x' WHERE seq = 3")
        return
    with transaction(db):
        execute(db, "UPDATE audit_log SET action = X'00FF' WHERE seq = 2")
    assert audit.verify().seq == 2
    with transaction(db):
        execute(db, "UPDATE audit_log SET at_ms = X'00FF' WHERE seq = 1")
    assert audit.verify().seq == 1
    assert len(audit.page(AuditFilter(), offset=0, limit=10)[0]) == 3


def test_without_its_head_nothing_is_added(db: Database, audit: Audit) -> None:
    with transaction(db):
        head_taken_out(db)
    with pytest.raises(StorageError, match="audit_head"):
        add(audit)
    assert audit.verify().rows == 0


def main(url: str, who: str) -> None:
    db = open_database(url, owned=True)
    add(Audit(AuditRows(db), clock=Ticking()), EACH, who=who)
    close_database(db)


if __name__ == "__main__":
    main(*sys.argv[1:])
