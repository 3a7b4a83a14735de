"""What the script that adds the year up reads: JSON lines, one folder for each database."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mai_usage_ext.simulator.bill import Bill, Record, stamp
from tests.golden.plan import Call, How, Organization, Price

__all__ = ["Facts"]

_FOUND = {
    How.STOPPED: "later",
    How.SILENT: "later",
    How.LOST: "reconciled",
    How.FOREIGN: "foreign",
}


class Facts:
    """Written once, at the end, but for what is known before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}
        self._calls: list[dict[str, Any]] = []
        self._told: dict[str, datetime] = {}

    def called(self, name: str | None, user: str) -> None:
        """The provider is told this name of the user."""
        assert name is not None
        assert self._names.setdefault(user, name) == name

    def name_of(self, user: str | None) -> str | None:
        return None if user is None else self._names[user]

    def call(self, call: Call, record: Record) -> None:
        self._calls.append(
            {
                "generation_id": record.generation_id,
                "purpose": call.purpose,
                "found": _FOUND.get(call.how, "at_once"),
                "first_byte_ms": call.first_byte_ms,
                "duration_ms": call.duration_ms,
            }
        )

    def told(self, generation_id: str, at: datetime) -> None:
        """From this instant on we know what it cost; a second time says nothing new."""
        self._told.setdefault(generation_id, at)

    def bill(self, bill: Bill) -> None:
        """The provider's own account, and what we know of the calls on it."""
        self._write("bill", bill.statement()["records"])
        self._write(
            "calls",
            [{**one, "told_at": stamp(self._told[one["generation_id"]])} for one in self._calls],
        )

    def people(self, renamed: Mapping[str, str]) -> None:
        """``renamed`` are the users who have another name by now."""
        self._write(
            "people",
            [
                {"called": name, "user": renamed.get(user, user)}
                for user, name in self._names.items()
            ],
        )

    def organizations(
        self,
        organizations: Iterable[Organization],
        ids: Mapping[str, str],
        *,
        key_hash: Callable[[str], str],
    ) -> None:
        self._write(
            "organizations",
            [
                {
                    "id": ids[one.name],
                    "key_hash": key_hash(one.name),
                    "time_zone": one.time_zone,
                    "currency": one.currency,
                }
                for one in organizations
            ],
        )

    def prices(
        self,
        prices: Iterable[Price],
        ids: Mapping[str, str],
        *,
        instant_of: Callable[[Price], datetime],
    ) -> None:
        self._write(
            "prices",
            [
                {
                    "organization": ids[one.organization],
                    "model_pattern": one.model_pattern,
                    "since": stamp(instant_of(one)),
                    "rate": one.rate,
                    "fee": one.fee,
                }
                for one in prices
            ],
        )

    def _write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self._folder / f"{name}.jsonl").write_text(text, "utf-8")
