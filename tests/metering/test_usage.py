"""Usage blocks: trusted whole, or not at all."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.metering.answers import Ending, read_body
from mai_usage_ext.metering.usage import UsageUnusable, read_generation, read_usage

CHAT: dict[str, Any] = {
    "prompt_tokens": 8174,
    "completion_tokens": 30,
    "total_tokens": 8204,
    "cost": Decimal("0.0133176"),
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 20},
    "cost_details": {"upstream_inference_cost": Decimal("0.5")},
}
RESPONSES: dict[str, Any] = {
    "input_tokens": 5,
    "output_tokens": 6,
    "cost": Decimal("0.000001"),
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens_details": {"reasoning_tokens": 2},
}
EMBEDDING: dict[str, Any] = {"prompt_tokens": 9, "total_tokens": 9, "cost": Decimal("1.8E-7")}
GENERATION: dict[str, Any] = {
    "id": "gen-1",
    "total_cost": Decimal("0.02"),
    "is_byok": False,
    "tokens_prompt": 7,
    "tokens_completion": 8,
    "native_tokens_prompt": 10,
    "native_tokens_completion": 11,
    "native_tokens_cached": 3,
    "native_tokens_reasoning": None,
    "upstream_inference_cost": Decimal("0.5"),
}


def test_chat() -> None:
    usage = read_usage(CHAT)
    assert (usage.prompt_tokens, usage.completion_tokens) == (8174, 30)
    assert (usage.cached_tokens, usage.reasoning_tokens) == (10, 20)
    assert usage.raw_pusd == 13_317_600_000, "upstream cost counts for BYOK alone"


def test_responses_and_embeddings() -> None:
    responses, embedding = read_usage(RESPONSES), read_usage(EMBEDDING)
    assert (responses.prompt_tokens, responses.completion_tokens) == (5, 6)
    assert (responses.cached_tokens, responses.reasoning_tokens) == (1, 2)
    assert (embedding.prompt_tokens, embedding.completion_tokens) == (9, 0)
    assert embedding.raw_pusd == 180_000


def test_byok_adds_what_the_provider_took() -> None:
    block = {**CHAT, "is_byok": True, "cost": Decimal("0.025")}
    assert read_usage(block).raw_pusd == 525_000_000_000
    assert read_generation({**GENERATION, "is_byok": True}).raw_pusd == 520_000_000_000


def test_byok_without_the_providers_part_is_not_guessed() -> None:
    for details in (None, {}, {"upstream_inference_cost": None}):
        with pytest.raises(UsageUnusable, match=r"cost_details|upstream_inference_cost"):
            read_usage({**CHAT, "is_byok": True, "cost_details": details})


def test_generation_prefers_native_counts() -> None:
    usage = read_generation(GENERATION)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (10, 11, 3)
    assert usage.raw_pusd == 20_000_000_000


@pytest.mark.parametrize("name", ["cost", "prompt_tokens", "completion_tokens"])
@pytest.mark.parametrize("bad", ["12", -1, True, [], {}, Decimal("0.5E+30"), Decimal("NaN")])
def test_one_bad_field_spoils_the_block(name: str, bad: object) -> None:
    with pytest.raises(UsageUnusable, match=name):
        read_usage({**CHAT, name: bad})


@pytest.mark.parametrize("block", [None, 7, "usage", [], [CHAT]])
def test_what_is_no_block(block: object) -> None:
    with pytest.raises(UsageUnusable, match="usage is not an object"):
        read_usage(block)


def test_a_missing_or_null_cost_is_never_zero() -> None:
    for cost in ({}, {"cost": None}):
        block = {name: value for name, value in CHAT.items() if name != "cost"} | cost
        with pytest.raises(UsageUnusable, match="cost is missing"):
            read_usage(block)


def test_details_that_make_no_sense() -> None:
    for details in ("x", {"cached_tokens": "5"}, {"cached_tokens": -5}):
        with pytest.raises(UsageUnusable, match=r"prompt_tokens_details|cached_tokens"):
            read_usage({**CHAT, "prompt_tokens_details": details})


def test_an_absurd_cost() -> None:
    with pytest.raises(UsageUnusable, match="above 9,000 USD"):
        read_usage({**CHAT, "cost": 9_001})


def test_a_plain_body() -> None:
    body = {"id": "gen-1", "model": "a/b", "provider": "P", "usage": copy.deepcopy(CHAT)}
    answer = read_body(body, status=200, header_id=None)
    assert (answer.generation_id, answer.model, answer.provider) == ("gen-1", "a/b", "P")
    assert answer.ending is Ending.COMPLETE
    assert read_body(body, status=200, header_id="gen-h").generation_id == "gen-h"


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_a_body_that_is_no_object(body: object) -> None:
    answer = read_body(body, status=200, header_id="gen-h")
    assert answer.usage is None
    assert answer.generation_id == "gen-h"
    assert answer.problem == "the body is not an object"


def test_an_error_body() -> None:
    body = {"error": {"code": 402, "message": "Insufficient credits"}}
    answer = read_body(body, status=402, header_id=None)
    assert answer.ending is Ending.FAILED
    assert answer.generation_id is None


@pytest.mark.parametrize("bad", ["", "x" * 201, "a b", "gen-\n", 5, None, "gen-é"])
def test_what_cannot_be_an_id(bad: object) -> None:
    assert read_body({"id": bad}, status=200, header_id=None).generation_id is None


def test_generation_falls_back_to_the_estimate_of_what_is_not_native() -> None:
    data = {**GENERATION, "native_tokens_prompt": None, "native_tokens_reasoning": 4}
    del data["native_tokens_completion"]
    usage = read_generation(data)
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 8)
    assert (usage.cached_tokens, usage.reasoning_tokens) == (3, 4)


def test_whether_the_key_was_the_clients_own_is_told() -> None:
    assert read_usage({**CHAT, "is_byok": True}).is_byok
    assert read_generation({**GENERATION, "is_byok": True}).is_byok
    assert not read_usage(CHAT).is_byok
    assert not read_generation(GENERATION).is_byok


def test_counts_of_tokens() -> None:
    def count(value: object) -> int:
        return read_usage({**CHAT, "prompt_tokens": value}).prompt_tokens

    assert [count(value) for value in (0, Decimal("8174.0"), 10**9, Decimal("1E+9"))] == [
        0,
        8174,
        10**9,
        10**9,
    ]
    assert isinstance(count(Decimal("8174.0")), int)
    for beyond in (10**9 + 1, Decimal("1000000001"), Decimal("-1E+500000"), Decimal("1E+500000")):
        with pytest.raises(UsageUnusable, match=r"^prompt_tokens is out of range$"):
            count(beyond)
    with pytest.raises(UsageUnusable, match=r"^prompt_tokens is not a whole number$"):
        count(Decimal("1.5"))


def test_details_nobody_gave_count_nothing() -> None:
    assert (read_usage(EMBEDDING).cached_tokens, read_usage(EMBEDDING).reasoning_tokens) == (0, 0)


def test_the_dearest_call_that_is_believed() -> None:
    assert read_usage({**CHAT, "cost": 9000}).raw_pusd == 9000 * 10**12
    with pytest.raises(UsageUnusable, match=r"^cost is above 9,000 USD for one call$"):
        read_usage({**CHAT, "cost": Decimal("9000.000000000001")})


@pytest.mark.parametrize(
    ("read", "value", "said"),
    [
        (read_usage, None, "usage is not an object"),
        (read_generation, None, "generation is not an object"),
        (read_usage, {**CHAT, "is_byok": "yes"}, "is_byok is not true or false"),
        (
            read_usage,
            {**CHAT, "is_byok": True, "cost_details": None},
            "cost_details is missing on a BYOK call",
        ),
    ],
)
def test_what_is_said_of_an_unusable_block(read: Any, value: object, said: str) -> None:
    with pytest.raises(UsageUnusable) as caught:
        read(value)
    assert str(caught.value) == said
