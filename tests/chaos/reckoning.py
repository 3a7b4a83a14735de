"""After the kills: every upstream call is booked once, or an explicit hold says it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mai_usage_ext.demo.books import OPEN_STATES, Booked, HeldCall
from mai_usage_ext.simulator.bill import Record

# Whoever asks about a call keeps the others from asking; one who is killed meanwhile does so too.
CLAIM_S = 20.0


@dataclass(frozen=True, slots=True)
class Reckoning:
    """How many calls ended in which way."""

    booked: int
    unidentified: int
    never_sent: int


def reckon(
    records: Iterable[Record],
    entries: Iterable[Booked],
    holds: Iterable[HeldCall],
    *,
    committed: set[str],
) -> Reckoning:
    """Check every sentence of the promise; ``committed`` are the ids that holds had at a kill."""
    bill = {record.generation_id: record for record in records}
    booked = Counter(entry.generation_id for entry in entries)
    held = list(holds)
    lost = [hold for hold in held if hold.state == "unidentified"]

    # Nothing waits any more, and what could be known is known.
    assert [hold for hold in held if hold.state in OPEN_STATES - {"unidentified"}] == []
    assert all(hold.generation_id is None for hold in lost)
    # What had an id is in the ledger, once, and costs what the upstream says.
    assert committed & set(bill) <= set(booked)
    assert set(booked) <= set(bill)
    assert set(booked.values()) <= {1}
    for entry in entries:
        assert entry.raw_pusd == int(bill[entry.generation_id].spend.scaleb(12)), entry
    # Every other call of the upstream has a hold that says so; what is left was never sent.
    missing = [record for generation, record in bill.items() if generation not in booked]
    assert len(missing) <= len(lost)
    return Reckoning(
        booked=len(booked), unidentified=len(missing), never_sent=len(lost) - len(missing)
    )
