"""Several processes that close statements at once, and one that is killed in the middle."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from peewee import Database

from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.ports.statements import StatementFilter
from tests.services.billing_rig import Billing

MONTHS = ["2026-01", "2026-02", "2026-03", "2026-04"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs, and kills those that have not ended when the test is over."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.closer", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            process.communicate(timeout=60)


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.slow
def test_three_closers_leave_one_statement_for_each_month_and_no_gap(
    db: Database, database_url: str, start: Start
) -> None:
    billing = Billing(db)
    organizations = [billing.make(name) for name in ("A", "B", "C")]
    for organization in organizations:
        billing.use(organization, "2026-02-03", 5)
        billing.seal(organization, "2026-02-03")
    closers = [
        start("close", database_url, ",".join(organizations), ",".join(MONTHS)) for _ in range(3)
    ]
    assert [first_line(closer) for closer in closers] == ["ready"] * 3
    numbers: list[str] = []
    for closer in closers:
        assert closer.stdin is not None
        closer.stdin.write("go\n")
        closer.stdin.flush()
    for closer in closers:
        out, err = closer.communicate(timeout=120)
        assert closer.returncode == 0, err
        numbers += out.split()
    count = len(organizations) * len(MONTHS)
    assert sorted(numbers) == [f"S2026-{serial:04d}" for serial in range(1, count + 1)]
    found, total = billing.statements.page(StatementFilter(), offset=0, limit=100)
    assert total == count
    assert {(one.organization_id, one.month) for one in found} == {
        (organization, month) for organization in organizations for month in MONTHS
    }
    assert sum(one.net_pusd for one in found) == 5 * len(organizations)
    told = [one for one in billing.told() if one.kind is EventKind.STATEMENT_CLOSED]
    assert {one.subject for one in told} == {one.id for one in found}
    assert len(billing.audited("statement.closed")) == count


def test_a_closer_that_is_killed_takes_no_number_with_it(
    db: Database, database_url: str, start: Start
) -> None:
    billing = Billing(db)
    acme = billing.make()
    closer = start("stop", database_url, acme, "2026-01")
    assert first_line(closer) == "written"
    closer.kill()
    closer.communicate(timeout=60)
    assert billing.statements.page(StatementFilter(), offset=0, limit=1) == ([], 0)
    assert billing.close(acme, "2026-01").number == "S2026-0001"
    assert [one.kind for one in billing.told()] == [EventKind.STATEMENT_CLOSED]
