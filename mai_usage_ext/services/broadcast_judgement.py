"""A call that OpenRouter told of, beside what is known of it here: pure decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from mai_usage_ext.ports import HoldState, Source
from mai_usage_ext.ports.broadcast import Booked, BroadcastCall, HeldCall, Known
from mai_usage_ext.ports.reconciliation import Figures
from mai_usage_ext.services.comparison import rounding_pusd

__all__ = ["AFTER_MS", "BEFORE_MS", "Step", "Verdict", "fitting", "judge"]

# Between a hold's instant and its generation's lies the way to OpenRouter, and two clocks.
BEFORE_MS, AFTER_MS = 120_000, 30_000
# Settlement asks for a price by itself; for so long it is left to it.
_SETTLEMENT_MS = 600_000


class Step(Enum):
    """What to do with a call: ``AGREE`` forget it, the ledger says the same · ``WAIT`` ask again ·
    ``SETTLE`` book it for its own hold · ``BOOK`` book it without one, or for a hold that fits ·
    ``OURS`` it was booked by us · ``DIFFER``, ``LATE`` only say so."""

    AGREE = auto()
    WAIT = auto()
    SETTLE = auto()
    BOOK = auto()
    OURS = auto()
    DIFFER = auto()
    LATE = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    step: Step
    reason: str = ""


def judge(call: BroadcastCall, known: Known, *, waited_ms: int, is_taken: bool) -> Verdict:
    """``waited_ms`` have passed since the call was received; ``is_taken`` says that its day may
    have been compared with OpenRouter's own figures, so that what it lacked is booked."""
    if known.booked is not None:
        return _beside(call, known.booked)
    if known.is_imported:
        return Verdict(Step.AGREE)
    held = known.held
    if held is not None:
        if held.state is HoldState.OPEN or is_taken:
            return Verdict(Step.WAIT)
        is_asked_for = held.state is HoldState.PENDING and waited_ms < _SETTLEMENT_MS
        return Verdict(Step.WAIT if is_asked_for else Step.SETTLE)
    if is_taken:
        return Verdict(Step.LATE, "its day was compared with OpenRouter's figures before it came")
    return Verdict(Step.BOOK)


def fitting(call: BroadcastCall, holds: Sequence[HeldCall], users: set[str]) -> HeldCall | None:
    """The hold without a generation that the call may be of: the same model and user, made just
    before it. Of several the nearest, since whoever made one of them made the other."""
    near = [
        one
        for one in holds
        if call.at_ms - BEFORE_MS <= one.hold.at_ms <= call.at_ms + AFTER_MS
        and call.model in (one.hold.model, one.hold.model.partition(":")[0])
        and ({one.hold.user_id} <= users if call.user else one.hold.user_id is None)
    ]
    return min(near, key=lambda one: abs(call.at_ms - one.hold.at_ms), default=None)


def _beside(call: BroadcastCall, booked: Booked) -> Verdict:
    usage = call.usage
    differences = [
        f"{name}: {ours} booked, {theirs} told"
        for name, ours, theirs in (
            ("prompt tokens", booked.prompt_tokens, usage.prompt_tokens),
            ("completion tokens", booked.completion_tokens, usage.completion_tokens),
        )
        if ours != theirs
    ]
    rounding = rounding_pusd(Figures(requests=1, raw_pusd=booked.raw_pusd))
    if abs(booked.raw_pusd - usage.raw_pusd) > rounding:
        told, ours = usage.raw_pusd, booked.raw_pusd
        differences.append(f"raw picodollars: {ours} booked, {told} told")
    if differences:
        return Verdict(Step.DIFFER, "; ".join(differences))
    return Verdict(Step.OURS if booked.source is Source.BROADCAST else Step.AGREE)
