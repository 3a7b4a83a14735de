"""Milliseconds of the dashboard's routes over a year of sealed days, and how they grow.

Two offices of real routes, services and a database are asked in turns, and the larger one has ten
times the organizations: 10 and 100, or with ``--full`` 100 and 1,000; each has 100 users, 20 models
and 365 sealed days. Every ``GET`` below ``usage/my-organization`` is asked as it comes, and for 30,
90 and 365 days where it takes a range; so is the store for 90 and 365 days, and so are the pages of
the reseller. The test client's own cost is in every figure of a route; the first line tells it.
Run it with ``python -m tests.benchmarks [--full] dashboard``.
"""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import execute, session
from mai_usage_ext.storage.usage import UsageRows
from tests.api.office import Office, open_office
from tests.benchmarks.figures import Arguments, at_most, percentile
from tests.benchmarks.year import GROWING, fill
from tests.workshop import postgres

__all__ = ["main"]

ROUNDS, WARM_UP = 100, 5
# Milliseconds at p95, by the longest range in days that they hold for.
TARGETS_MS = {90: 25, 366: 100}
GROWTH = 1.3

_MINE = PREFIX + "/usage/my-organization"
_STREAM, _FILE = "/events", "/export"


@dataclass(kw_only=True)
class Branch:
    """An office with a year behind it. Its people are in organizations that lie far apart."""

    office: Office
    organizations: list[str]
    people: tuple[str, ...] = ("anna", "boris", "chen", "dora", "eve")
    homes: dict[str, str] = field(default_factory=dict)

    def settle_in(self) -> None:
        apart = len(self.organizations) // len(self.people)
        for number, person in enumerate(self.people):
            self.homes[person] = self.organizations[number * apart]
            self.office.places[person] = self.homes[person]
            self.office.assign(person, person, role="manager")

    def get(self, person: str, path: str) -> None:
        answer = self.office.client.get(path, headers={"x-user": person})
        assert answer.status_code == 200, answer.text


@dataclass(frozen=True, kw_only=True)
class Question:
    """``ask`` is told a branch and one of its people. ``is_for_one`` says that only the
    organization of that person is looked at, so that the number of others should not matter."""

    title: str
    ask: Callable[[Branch, str], object]
    days: int | None = 30
    is_for_one: bool = True


def questions(office: Office) -> list[Question]:
    return [
        Question(title="(a page without a query)", ask=_nothing, days=None),
        *_own_pages(office),
        Question(title="store: 90 days", ask=_stored(90), days=90),
        Question(title="store: 365 days", ask=_stored(365), days=365),
        Question(title="/clients/{client_id}", ask=_client),
        Question(title="/clients", ask=_clients, is_for_one=False),
        *_all_pages(),
    ]


def _all_pages() -> Iterator[Question]:
    """What the reseller looks at, of every organization together."""
    for path in ("summary", "billing", "revenue", "report?group_by=organization"):
        for days in (90, 365):
            first, last = _range(days)
            joint = "&" if "?" in path else "?"
            yield Question(
                title=f"/usage/{path.partition('?')[0]} {days} days",
                ask=_asked_by_admin(f"{PREFIX}/usage/{path}{joint}from={first}&to={last}"),
                days=days,
                is_for_one=False,
            )
    for path in ("today", "activity", "forecast"):
        yield Question(
            title=f"/usage/{path}", ask=_asked_by_admin(f"{PREFIX}/usage/{path}"), is_for_one=False
        )


def _own_pages(office: Office) -> Iterator[Question]:
    """The routes of one's own organization that the app has."""
    for path, methods in office.app.openapi()["paths"].items():
        if not path.startswith(_MINE) or path.endswith((_STREAM, _FILE)) or "get" not in methods:
            continue
        if "{" in path:
            # Of one of several things that a branch has none of.
            continue
        title = path.removeprefix(PREFIX)
        parameters = {parameter["name"] for parameter in methods["get"].get("parameters", ())}
        if {"from", "to"} <= parameters:
            for days in (30, 90, 365):
                yield Question(title=f"{title} {days} days", ask=_ranged(path, days), days=days)
        else:
            yield Question(title=title, ask=_page(path))


def _page(path: str) -> Callable[[Branch, str], object]:
    return lambda branch, person: branch.get(person, path)


def _ranged(path: str, days: int) -> Callable[[Branch, str], object]:
    first, last = _range(days)
    return _page(f"{path}?from={first}&to={last}")


def _stored(days: int) -> Callable[[Branch, str], object]:
    first, last = _range(days)

    def ask(branch: Branch, person: str) -> None:
        rows = UsageRows(branch.office.database)
        assert len(rows.by_day(branch.homes[person], first=first, last=last)) == days

    return ask


def _range(days: int) -> tuple[date, date]:
    today = datetime.now(UTC).date()
    return today - timedelta(days=days - 1), today


def _nothing(branch: Branch, person: str) -> None:
    assert branch.office.client.get(f"{PREFIX}/nothing").status_code == 404


def _client(branch: Branch, person: str) -> None:
    branch.get("admin", f"{PREFIX}/clients/{branch.homes[person]}")


def _asked_by_admin(path: str) -> Callable[[Branch, str], object]:
    return lambda branch, person: branch.get("admin", path)


def _clients(branch: Branch, person: str) -> None:
    branch.get("admin", f"{PREFIX}/clients")


def measure(branches: list[Branch], asked: list[Question]) -> dict[str, list[list[float]]]:
    """Milliseconds by title, a list for each branch."""
    times: dict[str, list[list[float]]] = {one.title: [[] for _ in branches] for one in asked}
    for number in range(-WARM_UP, ROUNDS):
        for question in asked:
            for place, branch in enumerate(branches):
                person = branch.people[number % len(branch.people)]
                started = time.perf_counter()
                question.ask(branch, person)
                if number >= 0:
                    times[question.title][place].append((time.perf_counter() - started) * 1000)
    return times


def report(branches: list[Branch], asked: list[Question]) -> None:
    times = measure(branches, asked)
    for question in asked:
        smaller, larger = times[question.title]
        p50, p95 = percentile(larger, 50), percentile(larger, 95)
        line = f"{question.title:<34} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms"
        if question.days is not None:
            line += " " + at_most(
                p95, next(ms for days, ms in TARGETS_MS.items() if question.days <= days)
            )
        # What else the machine does falls on the quick answers least.
        growth = percentile(larger, 10) / percentile(smaller, 10)
        line += f"   growth {growth:.2f}"
        if question.is_for_one:
            line += f" {at_most(growth, GROWTH)}"
        print(line)
        if question.is_for_one:
            for plan in scans(branches[-1], question):
                print(f"  reads a growing table without an index:\n{plan}")


def scans(branch: Branch, question: Question) -> list[str]:
    """The plans of the statements that a question runs and that use no index where rows grow."""
    database: Any = branch.office.database
    with mock.patch.object(database, "execute_sql", wraps=database.execute_sql) as run:
        question.ask(branch, branch.people[0])
    found = []
    with session(database):
        for call in run.call_args_list:
            statement, parameters, *_ = *call.args, ()
            if str(statement).lstrip("( ").upper().startswith("SELECT"):
                plan = _plan(branch, statement, parameters)
                if _reads_whole(plan, statement):
                    found.append(f"{statement}\n{plan}")
    return found


def _plan(branch: Branch, statement: str, parameters: Any) -> str:
    database = branch.office.database
    explain = "EXPLAIN QUERY PLAN" if is_sqlite(database) else "EXPLAIN"
    rows = execute(database, f"{explain} {statement}", parameters or ()).fetchall()
    return "\n".join(f"    {row[-1]}" for row in rows)


def _reads_whole(plan: str, statement: str) -> bool:
    """Whether a growing table is read from end to end; SQLite tells its alias alone."""
    tables = set(re.findall(r"Seq Scan on (\w+?)(?:_\d{4}_\d{2})?\b", plan))
    for alias in re.findall(r"SCAN (\w+)", plan):
        tables |= {alias, *re.findall(rf'"(\w+)" AS "{alias}"', statement)}
    return not tables.isdisjoint(GROWING)


@contextmanager
def open_branch(url: str, organizations: int) -> Iterator[Branch]:
    with open_office(url) as office:
        started = time.perf_counter()
        branch = Branch(
            office=office, organizations=fill(office.database, organizations=organizations)
        )
        branch.settle_in()
        print(f"{organizations:,} organizations filled in {time.perf_counter() - started:.0f} s")
        yield branch


def _compare(name: str, urls: list[str], sizes: tuple[int, int]) -> None:
    print(f"-- {name}", flush=True)
    with ExitStack() as stack:
        branches = [
            stack.enter_context(open_branch(url, size))
            for url, size in zip(urls, sizes, strict=True)
        ]
        report(branches, questions(branches[0].office))


def main(arguments: Arguments = ()) -> None:
    sizes = (100, 1_000) if "--full" in arguments else (10, 100)
    print(f"{sizes[1]:,} organizations × 100 users × 20 models × a year, beside {sizes[0]:,}")
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{Path(folder) / f'{size}.db'}" for size in sizes]
        _compare("SQLite", urls, sizes)
    # The tests' server has the memory of a toy.
    with mock.patch.dict(postgres._SETTINGS, {"shared_buffers": "1GB", "max_wal_size": "8GB"}):
        _postgres(sizes)


def _postgres(sizes: tuple[int, int]) -> None:
    with postgres.running_postgres() as server:
        _compare("PostgreSQL", [server.create_database() for _ in sizes], sizes)


if __name__ == "__main__":
    main()
