"""The judge: what the database says was booked, against what the upstream says it charged.

It reads the tables itself, past everything that wrote them, and so shares none of their mistakes.
Money is picodollars.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Booked", "Books", "Verdict", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """One row of the ledger. ``sequence`` is 0 but for corrections."""

    generation_id: str
    sequence: int
    organization_id: str
    user_id: str | None
    model: str
    purpose: str
    outcome: str
    source: str
    prompt_tokens: int
    completion_tokens: int
    raw_pusd: int
    billed_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCall:
    """One hold; ``state`` as in ``ports.HoldState``, ``owner`` the process that made it."""

    id: str
    state: str
    generation_id: str | None
    organization_id: str
    user_id: str | None
    purpose: str
    owner: str


# The states in which a call's cost is still not known.
OPEN_STATES = frozenset({"open", "pending", "unidentified", "unpriced"})


class Books:
    """The tables of one SQLite database, opened read-only for each look."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def entries(self) -> list[Booked]:
        """The whole ledger, oldest first."""
        columns = ", ".join(Booked.__dataclass_fields__)
        rows = self._rows(f"SELECT {columns} FROM usage_ledger ORDER BY booked_at_ms")  # noqa: S608
        return [Booked(**row) for row in rows]

    def holds(self) -> list[HeldCall]:
        """All holds that are kept, settled ones included."""
        columns = ", ".join(HeldCall.__dataclass_fields__)
        return [HeldCall(**row) for row in self._rows(f"SELECT {columns} FROM usage_holds")]  # noqa: S608

    def unsettled(self) -> Counter[str]:
        """Holds whose cost is not known, by state."""
        return Counter(hold.state for hold in self.holds() if hold.state in OPEN_STATES)

    def users(self) -> dict[str, str]:
        """The host's ids of users, by the names that OpenRouter is told."""
        rows = self._rows("SELECT openrouter_user_id, user_id FROM user_client_mappings")
        return {str(row["openrouter_user_id"]): str(row["user_id"]) for row in rows}

    def processes(self) -> list[str]:
        """Every process that ever owned holds, whether it is still alive or not."""
        return [str(row["id"]) for row in self._rows("SELECT id FROM usage_processes")]

    def _rows(self, query: str) -> list[dict[str, Any]]:
        uri = f"file:{self._database}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the demo prints last, in this order."""

    host: str
    upstream_calls: int
    ledger_entries: int
    pending: int
    bill_pusd: int
    ledger_pusd: int
    equal: bool
    lost: int
    duplicated: int

    @property
    def is_good(self) -> bool:
        return self.equal and not (self.pending or self.lost or self.duplicated)

    def row(self) -> dict[str, object]:
        return asdict(self)


def judge(
    host: str, bill: Mapping[str, int], entries: Iterable[Booked], *, pending: int
) -> Verdict:
    """Compare. ``bill`` maps every generation that was charged to its cost.

    ``lost`` counts charged generations without an entry; ``duplicated`` those booked more than
    once, and entries of generations nobody charged.
    """
    booked: Counter[str] = Counter()
    total = count = 0
    for entry in entries:
        count += 1
        total += entry.raw_pusd
        if entry.sequence == 0:
            booked[entry.generation_id] += 1
    charged = sum(bill.values())
    lost = sum(generation not in booked for generation in bill)
    duplicated = sum(times - (generation in bill) for generation, times in booked.items())
    return Verdict(
        host=host,
        upstream_calls=len(bill),
        ledger_entries=count,
        pending=pending,
        bill_pusd=charged,
        ledger_pusd=total,
        equal=charged == total,
        lost=lost,
        duplicated=duplicated,
    )
