"""What is decided of a call that OpenRouter told of, at the edges of every rule."""

from dataclasses import replace

import pytest

from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import HoldState, Outcome, Source
from mai_usage_ext.ports.broadcast import Booked, BroadcastCall, HeldCall, Known
from mai_usage_ext.services.broadcast_judgement import Step, fitting, judge
from tests.storage.samples import AT_MS, make_hold

RAW = 1_000_000_000
CALL = BroadcastCall(
    generation_id="gen-1",
    at_ms=AT_MS,
    duration_ms=None,
    model="qwen/qwen3-8b",
    provider="",
    user="or-ada",
    key_name="",
    usage=Usage(
        prompt_tokens=5, completion_tokens=3, cached_tokens=0, reasoning_tokens=0, raw_pusd=RAW
    ),
    outcome=Outcome.COMPLETED,
)
BOOKED = Booked(source=Source.STREAM, prompt_tokens=5, completion_tokens=3, raw_pusd=RAW)


def held(state: HoldState = HoldState.UNIDENTIFIED, **changes: object) -> HeldCall:
    hold = replace(
        make_hold("acme", user_id="ada", model="qwen/qwen3-8b", at_ms=AT_MS),
        **changes,  # type: ignore[arg-type]
    )
    return HeldCall(hold=hold, state=state, outcome=None, first_byte_ms=None, duration_ms=None)


@pytest.mark.parametrize(
    ("known", "waited_ms", "is_taken", "step"),
    [
        (Known(booked=BOOKED), 0, False, Step.AGREE),
        (Known(booked=BOOKED), 0, True, Step.AGREE),
        (Known(booked=replace(BOOKED, source=Source.BROADCAST)), 0, True, Step.OURS),
        # What one double cannot tell of an amount is no difference.
        (Known(booked=replace(BOOKED, raw_pusd=RAW + 1)), 0, False, Step.AGREE),
        (Known(booked=replace(BOOKED, raw_pusd=RAW + 2)), 0, False, Step.DIFFER),
        (Known(booked=replace(BOOKED, raw_pusd=RAW - 2)), 0, False, Step.DIFFER),
        (Known(booked=replace(BOOKED, prompt_tokens=4)), 0, False, Step.DIFFER),
        (Known(booked=replace(BOOKED, completion_tokens=4)), 0, True, Step.DIFFER),
        (Known(is_imported=True), 0, False, Step.AGREE),
        (Known(), 0, False, Step.BOOK),
        (Known(), 0, True, Step.LATE),
        (Known(held=held(HoldState.OPEN)), 10**9, False, Step.WAIT),
        (Known(held=held(HoldState.PENDING)), 599_999, False, Step.WAIT),
        (Known(held=held(HoldState.PENDING)), 600_000, False, Step.SETTLE),
        (Known(held=held(HoldState.PENDING)), 600_000, True, Step.WAIT),
        (Known(held=held(HoldState.UNPRICED)), 0, False, Step.SETTLE),
        (Known(held=held(HoldState.UNPRICED)), 0, True, Step.WAIT),
    ],
)
def test_steps(known: Known, waited_ms: int, is_taken: bool, step: Step) -> None:
    assert judge(CALL, known, waited_ms=waited_ms, is_taken=is_taken).step is step


@pytest.mark.parametrize(
    ("one", "fits"),
    [
        (held(at_ms=AT_MS - 120_000), True),
        (held(at_ms=AT_MS - 120_001), False),
        (held(at_ms=AT_MS + 30_000), True),
        (held(at_ms=AT_MS + 30_001), False),
        (held(model="qwen/qwen3-8b:online"), True),
        (held(model="qwen/qwen3"), False),
        (held(user_id="ben"), False),
        (held(user_id=None), False),
    ],
)
def test_which_hold_fits(one: HeldCall, fits: bool) -> None:
    assert (fitting(CALL, [one], {"ada"}) is one) is fits


def test_a_call_of_nobody_is_no_users() -> None:
    nobodys = replace(CALL, user="")
    assert fitting(nobodys, [held()], set()) is None
    one = held(user_id=None)
    assert fitting(nobodys, [held(), one], set()) is one


def test_the_nearest_of_several() -> None:
    near, far = held(at_ms=AT_MS - 5), held(at_ms=AT_MS - 6)
    assert fitting(CALL, [far, near], {"ada"}) is near
