"""Why a number is what it is: one call followed from its hold to the month it counts in."""

from collections.abc import Sequence
from dataclasses import dataclass

from mai_usage_ext.errors import NotFound
from mai_usage_ext.metering.days import rfc3339
from mai_usage_ext.metering.money import billed_pusd, rate_to_decimal, usd_from_pusd
from mai_usage_ext.metering.pricing import PriceRule, rule_of
from mai_usage_ext.ports import (
    AuditFilter,
    AuditRecord,
    AuditTrail,
    HoldState,
    LedgerEntry,
    PriceStore,
    Source,
)
from mai_usage_ext.ports.cases import Case, CaseHold, CaseStore

__all__ = ["Explain", "Explanation"]

_MOST_AUDIT = 5
_STATES = {
    HoldState.OPEN: "the call is under way, its money is held",
    HoldState.PENDING: "the call is over; OpenRouter is asked what it cost until it knows",
    HoldState.UNIDENTIFIED: "the call is over and no generation id was seen; its money stays held "
    "until the reconciliation of its day finds it",
    HoldState.UNPRICED: "OpenRouter itself names no usable cost; nothing is booked at zero, so its "
    "money stays held",
    HoldState.SETTLED: "it is settled: the cost is in the ledger and the hold is closed",
    HoldState.VOID: "it is void: nothing was billed upstream, the hold was closed at zero",
    HoldState.DUPLICATE: "its generation was in the ledger already, so it was not booked again",
}
_SOURCES = {
    Source.STREAM: "the last piece of its stream",
    Source.BODY: "its answer",
    Source.GENERATION: "GET /generation, asked afterwards",
    Source.BROADCAST: "OpenRouter's Broadcast",
    Source.ADJUSTMENT: "a correction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``sentences`` for a person, in the order of what happened; the rest are the facts they are
    made of. ``rule`` is the price rule that decides now for the call's instant."""

    id: str
    sentences: Sequence[str]
    case: Case
    rule: PriceRule | None
    audit: Sequence[AuditRecord]


class Explain:
    def __init__(self, cases: CaseStore, prices: PriceStore, audit: AuditTrail) -> None:
        self._cases = cases
        self._prices = prices
        self._audit = audit

    def of(self, any_id: str) -> Explanation:
        """Raises ``NotFound`` for an id that is neither a generation's nor a hold's."""
        case = self._cases.find(any_id)
        if case is None:
            if self._cases.imported(any_id) is not None:
                raise NotFound(
                    f"the generation {any_id} was counted by another system and imported; only its "
                    "day's figures came over"
                )
            raise NotFound(
                f"neither a ledger entry nor a hold has the id {any_id}: the call went unmetered, "
                "or its day is older than the ledger reaches"
            )
        rule = self._rule(case)
        return Explanation(
            id=any_id,
            sentences=[
                *_of_the_hold(case),
                *(sentence for entry in case.entries for sentence in _of_the_entry(entry, rule)),
                *_of_the_day(case),
                *_of_the_comparison(case),
            ],
            case=case,
            rule=rule,
            audit=self._rows(case),
        )

    def _rule(self, case: Case) -> PriceRule | None:
        call = case.entries[0] if case.entries else case.held and case.held.hold
        if not call:
            return None
        own = self._prices.rules(case.organization_id)
        rules = [*own, *self._prices.rules(None)]
        # A call is priced by the model it asked for, and booked under the one that answered.
        model = case.held.hold.model if case.held is not None else call.model
        return rule_of(rules, model, at_ms=call.at_ms)

    def _rows(self, case: Case) -> list[AuditRecord]:
        """The last changes of its organization before it, and whatever was said of its day."""
        call = case.entries[0] if case.entries else case.held and case.held.hold
        until_ms = None if not call else call.at_ms
        wanted = AuditFilter(target_id=case.organization_id, until_ms=until_ms)
        return list(self._audit.page(wanted, offset=0, limit=_MOST_AUDIT))


def _of_the_hold(case: Case) -> list[str]:
    if case.held is None:
        return ["no hold stands for it: it was found afterwards, or its hold is gone"]
    held = case.held
    hold = held.hold
    who = f"the user {hold.user_id}" if hold.user_id else "nobody known"
    found = [
        (
            f"at {_instant(hold.at_ms)} {who} of {case.organization_name} asked "
            f"{hold.model or '?'} for {hold.purpose}; {_usd(hold.estimate_pusd)} were held on "
            f"{hold.month} (hold {hold.id})"
        ),
        f"{hold.day} is its day because the organization's zone is {case.time_zone}",
        _STATES[held.state] + _because(held),
    ]
    key = f"the key {case.key_label}" if case.key_label else _key(hold.key_hash)
    found.append(f"it was sent with {key}")
    return found


def _because(held: CaseHold) -> str:
    parts = [
        f"reason: {held.reason}" if held.reason else "",
        f"{held.attempts} attempts to settle it" if held.attempts else "",
        f"closed at {_instant(held.closed_at_ms)}" if held.closed_at_ms is not None else "",
    ]
    told = "; ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def _of_the_entry(entry: LedgerEntry, rule: PriceRule | None) -> list[str]:
    expected = billed_pusd(entry.raw_pusd, rate_micro=entry.rate_micro, fee_pusd=entry.fee_pusd)
    rate = f"{rate_to_decimal(entry.rate_micro):f}"
    sum_of = f"{_usd(entry.raw_pusd)} × {rate} + {_usd(entry.fee_pusd)} fee"
    which = "it was booked" if entry.sequence == 0 else f"correction {entry.sequence} was booked"
    found = [
        (
            f"{which} at {_instant(entry.booked_at_ms)} as {entry.generation_id}: {entry.model} at "
            f"{entry.provider or 'an unnamed provider'}, {entry.prompt_tokens} tokens in "
            f"({entry.cached_tokens} of them cached), {entry.completion_tokens} out, "
            f"{entry.outcome}; the cost came from {_SOURCES[entry.source]}"
        ),
        (
            f"billed is raw × rate + fee: {sum_of} = {_usd(expected)}, rounded half-even to a "
            "picodollar, once"
        ),
    ]
    if expected != entry.billed_pusd:
        found.append(
            f"booked are {_usd(entry.billed_pusd)} instead, {_usd(entry.billed_pusd - expected)} "
            "beside that sum, as for a correction of a sum of calls"
        )
    return [*found, _of_the_rule(entry, rule)]


def _of_the_rule(entry: LedgerEntry, rule: PriceRule | None) -> str:
    if rule is None:
        return "no price rule fits it: it is billed at cost"
    whose = "the organization's own" if rule.organization_id else "everybody's"
    model = rule.model_pattern or "every model"
    text = f"the price is {whose} rule {rule.id} for {model}, in force since "
    text += _instant(rule.effective_from_ms)
    if (rule.rate_micro, rule.fee_pusd) != (entry.rate_micro, entry.fee_pusd):
        text += "; the entry keeps the price that held when the call was made"
    return text


def _of_the_day(case: Case) -> list[str]:
    found = []
    if case.sealed is not None:
        sealed = case.sealed
        found.append(
            f"{case.day} is sealed ({sealed.source}, at {_instant(sealed.sealed_at_ms or 0)}): "
            f"{sealed.requests} calls, {_usd(sealed.billed_pusd)} billed, this one among them"
        )
    if case.cell is not None:
        found.append(
            f"it stands in the live counters of {case.day}: the cell of its user, model, provider "
            f"and purpose has {case.cell.requests} calls and {_usd(case.cell.billed_pusd)}"
        )
    if case.month is not None:
        month = case.month
        limit = "no limit" if month.limit_pusd is None else f"a limit of {_usd(month.limit_pusd)}"
        found.append(
            f"{month.month} has {_usd(month.spent_pusd)} spent and {_usd(month.held_pusd)} held, "
            f"under {limit}"
        )
    if case.dropped_through is not None and case.day <= case.dropped_through:
        found.append(f"the single calls of days up to {case.dropped_through} are no longer kept")
    return found


def _of_the_comparison(case: Case) -> list[str]:
    found = []
    if case.line is None:
        found.append("its UTC day and key were not compared with OpenRouter's figures yet")
    else:
        line = case.line
        found.append(
            f"compared with OpenRouter on {line.day}: {line.finding}, captured "
            f"{_usd(line.captured.raw_pusd)} of {_usd(line.provider.raw_pusd)} raw"
            + (f" ({line.reason})" if line.reason else "")
        )
    if case.broadcast is not None:
        finding, reason = case.broadcast
        told = f"{finding or 'not judged yet'}; {reason or 'no reason'}"
        found.append(f"Broadcast told of it: {told}")
    return found


def _key(key_hash: str) -> str:
    return f"a key of the host (hash {key_hash[:12]}…)" if key_hash else "a key that was not noted"


def _usd(pusd: int) -> str:
    return f"{usd_from_pusd(pusd)} USD"


def _instant(ms: int) -> str:
    return rfc3339(ms, timespec="seconds")
