"""Two processes at one limit in the same moment: one has written, and the other waits for it."""

import threading
import time
from collections.abc import Callable

from peewee import Database

from mai_usage_ext.ports import Verdict
from mai_usage_ext.storage.changes import Change, Place, Settle
from mai_usage_ext.storage.database import close_database, is_sqlite
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.storage.books import eventually
from tests.storage.samples import make_entry, make_hold
from tests.storage.test_limits import COST, limit, limit_user, users_month


def side_by_side(
    db: Database, first: list[Change], second: Callable[[], list[Change]]
) -> tuple[list[object], list[object]]:
    """Commit ``second`` from another thread, which begins while ``first`` is written and not yet
    committed, so that it has to wait for it."""
    results: list[object] = []
    failures: list[BaseException] = []

    def other_process() -> None:
        try:
            with session(db):
                results.extend(GroupCommit(db).commit(second(), now_ms=1))
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)
        finally:
            close_database(db)

    thread = threading.Thread(target=other_process)
    with transaction(db):
        mine = GroupCommit(db).commit(first, now_ms=1)
        thread.start()
        if is_sqlite(db):
            # Its transaction waits at its very begin, which nobody can see from here.
            time.sleep(0.05)
        else:
            eventually(lambda: somebody_waits(db))
    thread.join(20)
    assert failures == []
    return list(mine), results


def somebody_waits(db: Database) -> bool:
    sql = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted"
    return bool(execute(db, sql).fetchone()[0])


def test_the_first_holds_of_a_user_with_a_limit(db: Database, organization: str) -> None:
    """Both find the user's month not counted yet; only one may add up what was before."""
    limit_user(db, organization, "ada", 10 * COST)
    before = make_hold(organization, estimate_pusd=COST)
    commit = GroupCommit(db)
    commit.commit([Place(before)], now_ms=1)
    commit.commit([Settle(before, make_entry(before, billed_pusd=COST))], now_ms=1)
    holds = [make_hold(organization, estimate_pusd=COST) for _ in range(2)]
    first, second = side_by_side(
        db,
        [Place(holds[0], has_user_limit=True)],
        lambda: [Place(holds[1], has_user_limit=True)],
    )
    assert first == second == [Verdict(granted_pusd=COST)]
    assert users_month(db, organization, "ada") == (COST, 2 * COST)


def test_a_settlement_that_waited_for_the_first_hold(db: Database, organization: str) -> None:
    """It must add to the user's month, which was not there when it began."""
    limit_user(db, organization, "ada", 10 * COST)
    done, new = (make_hold(organization, estimate_pusd=COST) for _ in range(2))
    GroupCommit(db).commit([Place(done)], now_ms=1)
    side_by_side(
        db,
        [Place(new, has_user_limit=True)],
        lambda: [Settle(done, make_entry(done, billed_pusd=COST))],
    )
    assert users_month(db, organization, "ada") == (COST, COST)


def test_room_for_one(db: Database, organization: str) -> None:
    limit(db, organization, COST)
    holds = [make_hold(organization, estimate_pusd=COST) for _ in range(2)]
    first, second = side_by_side(db, [Place(holds[0])], lambda: [Place(holds[1])])
    assert first == [Verdict(granted_pusd=COST)]
    assert second == [Verdict(granted_pusd=None, limit_pusd=COST, held_pusd=COST)]
