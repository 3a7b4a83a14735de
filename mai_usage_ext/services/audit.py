"""The audit trail: writing it without secrets, reading it, and proving that nobody rewrote it.

Every row's hash covers the row and the hash before it, so a row that is changed, moved, taken out
or put in between breaks the chain there; the head, a row of its own, says where the chain ends.
Whoever can write to the database can also forge a whole new chain: note the head's hash elsewhere,
and compare, to see even that.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import Actor, AuditFilter, AuditRecord, AuditTrail, Clock

__all__ = ["GENESIS", "MASK", "Audit", "AuditVerdict", "canonical", "chain_hash", "masked"]

# The hash before the first record's.
GENESIS = "0" * 64
MASK = "***"
_LONGEST_PAGE = 1_000

_SECRET_NAME = re.compile(
    r"key|secret|token|password|passphrase|ciphertext|credential|authorization", re.IGNORECASE
)
# Where the name also says that a number, an instant or a state cannot be the secret itself.
_NEVER_A_NUMBER = re.compile(r"key|token", re.IGNORECASE)
_ABOUT_A_SECRET = re.compile(r"(^|_)(hash|state|label|problem|name|status|at|at_ms|ms|count)$")
# What a service writes in a secret's place.
_PLAIN_WORDS = frozenset({"", "set", "changed", "removed", MASK})
# The label that OpenRouter gives a key, such as sk-or-v1-0e6...1c9, is too short to fit.
_SECRET_VALUE = re.compile(r"sk-or-[\w-]{8,}|\bsk-[\w-]{16,}|\bbearer\s+\S{8,}", re.IGNORECASE)
# PostgreSQL stores no NUL, and UTF-8 has no lone surrogates.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """Whether the trail is as it was written.

    ``rows`` of them fit, from the first one on. ``seq`` is the first that does not, and ``reason``
    a sentence about it. The head is what the database says the end of the trail is.
    """

    rows: int
    seq: int | None
    reason: str
    head_seq: int
    head_hash: str

    @property
    def is_intact(self) -> bool:
        return self.seq is None


class Audit:
    """``trail`` stores; this masks, checks and walks."""

    def __init__(self, trail: AuditTrail, *, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    def record(
        self,
        *,
        actor: Actor,
        action: str,
        target_kind: str,
        target_id: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Add one record now, in the caller's unit of work: with the change or not at all.

        ``before`` and ``after`` hold what changed, as JSON has it. Secrets do not belong there;
        what looks like one all the same is masked. Call it last in a unit of work, because from
        then on until the commit every other change waits for this one.
        """
        self._trail.append(
            at_ms=self._clock.now_ms(),
            actor=Actor(kind=_text(actor.kind), id=_text(actor.id), address=_text(actor.address)),
            action=_text(action),
            target_kind=_text(target_kind),
            target_id=_text(target_id),
            before=None if before is None else masked(before),
            after=None if after is None else masked(after),
        )

    def page(
        self, wanted: AuditFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[AuditRecord], int]:
        """One page of records, newest first, and how many there are in all.

        Raises ``BadInput`` for an offset below 0 or a limit that is not 1 to 1000.
        """
        if offset < 0:
            raise BadInput("offset", got=offset, expected="a whole number from 0 on")
        if not 1 <= limit <= _LONGEST_PAGE:
            raise BadInput("limit", got=limit, expected=f"a whole number from 1 to {_LONGEST_PAGE}")
        return self._trail.page(wanted, offset=offset, limit=limit), self._trail.count(wanted)

    def verify(self) -> AuditVerdict:
        """Walk the whole chain. May run while others add to it; memory does not grow with it."""
        last_seq, last_hash = 0, GENESIS
        after: int | None = None
        while True:
            at_start = last_seq
            for record in self._trail.walk(after=after):
                wrong = _misfit(record, last_seq, last_hash)
                if wrong is not None:
                    return self._verdict(last_seq, *wrong)
                last_seq, last_hash = record.seq, record.hash
            head_seq, head_hash = self._trail.head()
            # A record and the head are committed together, so a head further on than the walk
            # came means records that were added meanwhile, or records that are gone.
            if head_seq <= last_seq or last_seq == at_start:
                break
            after = last_seq
        wrong = _misfit_of_head(head_seq, head_hash, last_seq, last_hash)
        return self._verdict(last_seq, *(wrong or (None, "")))

    def _verdict(self, rows: int, seq: int | None, reason: str) -> AuditVerdict:
        head_seq, head_hash = self._trail.head()
        return AuditVerdict(
            rows=rows, seq=seq, reason=reason, head_seq=head_seq, head_hash=head_hash
        )


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value. Raises for what is not JSON."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def chain_hash(
    *,
    seq: int,
    at_ms: int,
    actor: Actor,
    action: str,
    target_kind: str,
    target_id: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    previous_hash: str,
) -> str:
    """SHA-256, in hex, over the canonical JSON of every field of a record but its hash."""
    fields = {
        "seq": seq,
        "at_ms": at_ms,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "address": actor.address,
        "action": action,
        "target_kind": target_kind,
        "target_id": target_id,
        "before": before,
        "after": after,
        "previous_hash": previous_hash,
    }
    # A tampered row may hold a lone surrogate, and has to give some other hash, not an error.
    return hashlib.sha256(canonical(fields).encode("utf-8", "surrogatepass")).hexdigest()


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values as JSON has them, with ``***`` where a secret seems to stand."""
    return {_text(str(name)): _masked(str(name), value) for name, value in values.items()}


def _masked(name: str, value: Any, *, is_inside_secret: bool = False) -> Any:
    is_secret = (
        is_inside_secret or _SECRET_NAME.search(name) is not None
    ) and not _ABOUT_A_SECRET.search(name)
    if isinstance(value, Mapping):
        return {
            _text(str(inner)): _masked(str(inner), item, is_inside_secret=is_secret)
            for inner, item in value.items()
        }
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_masked(name, item, is_inside_secret=is_secret) for item in value]
    if isinstance(value, Enum):
        return _masked(name, value.value, is_inside_secret=is_secret)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        is_number = not is_secret or _NEVER_A_NUMBER.search(name) is not None
        return value if is_number else MASK
    if isinstance(value, bytes):
        return MASK
    text = _text(str(value))
    return MASK if is_secret and text not in _PLAIN_WORDS else text


def _text(value: str) -> str:
    """Text that every database stores as it is, and that shows no secret."""
    return MASK if _SECRET_VALUE.search(value) else _NOT_TEXT.sub("\ufffd", value)


def _misfit(record: AuditRecord, last_seq: int, last_hash: str) -> tuple[int, str] | None:
    """The sequence number to name and why, where a record does not follow on the one before."""
    expected = last_seq + 1
    if record.seq > expected:
        return expected, f"record {expected} is missing; the next one is {record.seq}"
    if record.seq < expected:
        return record.seq, f"record {record.seq} stands before the first one"
    if record.hash != _hash_of(record):
        return record.seq, f"record {record.seq} was changed: its hash does not fit what it says"
    if record.previous_hash != last_hash:
        return record.seq, f"record {record.seq} does not go on where the one before it ends"
    return None


def _misfit_of_head(
    head_seq: int, head_hash: str, last_seq: int, last_hash: str
) -> tuple[int, str] | None:
    if head_seq > last_seq:
        return (
            last_seq + 1,
            f"record {last_seq + 1} is missing: the trail once ended with record {head_seq}",
        )
    if head_seq < last_seq:
        return (
            head_seq + 1,
            f"record {head_seq + 1} was put in: the trail ends with record {head_seq}",
        )
    if head_hash != last_hash:
        return last_seq, f"record {last_seq} was replaced: the end of the trail has another hash"
    return None


def _hash_of(record: AuditRecord) -> str:
    return chain_hash(
        seq=record.seq,
        at_ms=record.at_ms,
        actor=record.actor,
        action=record.action,
        target_kind=record.target_kind,
        target_id=record.target_id,
        before=record.before,
        after=record.after,
        previous_hash=record.previous_hash,
    )
