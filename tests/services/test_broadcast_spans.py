"""OTLP from OpenRouter: every shape a number may have, and what is wrong, by its name."""

from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import Outcome
from mai_usage_ext.services.broadcast_spans import Delivery, read_delivery

NOW_MS = 1_781_524_800_000
COST = "gen_ai.usage.total_cost"
USAGE = "trace.metadata.openrouter_generation.usage"
BYOK = "trace.metadata.openrouter_generation.byok_usage_inference"


def attributes(**changes: Any) -> dict[str, Any]:
    found = {
        "gen_ai.response.id": {"stringValue": "gen-1781524000-abc"},
        "gen_ai.request.model": {"stringValue": "qwen/qwen3-8b"},
        "gen_ai.usage.input_tokens": {"intValue": "12"},
        "gen_ai.usage.output_tokens": {"intValue": 7},
        "gen_ai.usage.input_tokens.cached": {"doubleValue": 3},
        "gen_ai.usage.output_tokens.reasoning": {"doubleValue": Decimal("2.0")},
        COST: {"doubleValue": Decimal("1.35E-5")},
        "user.id": {"stringValue": "or-ada"},
    }
    found |= changes
    return {name: value for name, value in found.items() if value is not None}


def span(changes: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "name": "LLM Generation",
        "startTimeUnixNano": "1781524000123456789",
        "endTimeUnixNano": 1781524002123456789,
        "attributes": [
            {"key": name, "value": value} for name, value in attributes(**(changes or {})).items()
        ],
        **fields,
    }


def read(*spans: Any) -> Delivery:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
    return read_delivery(body, now_ms=NOW_MS)


def test_a_call() -> None:
    [call] = read(span()).calls
    assert (call.generation_id, call.model, call.user) == (
        "gen-1781524000-abc",
        "qwen/qwen3-8b",
        "or-ada",
    )
    assert (call.at_ms, call.duration_ms) == (1_781_524_000_123, 2000)
    assert (call.provider, call.key_name, call.outcome) == ("", "", Outcome.COMPLETED)
    assert call.usage == Usage(
        prompt_tokens=12,
        completion_tokens=7,
        cached_tokens=3,
        reasoning_tokens=2,
        raw_pusd=13_500_000,
    )


@pytest.mark.parametrize(
    ("changes", "pusd"),
    [
        ({COST: {"intValue": "0"}}, 0),
        ({COST: {"intValue": 2}}, 2 * 10**12),
        ({COST: None, USAGE: {"doubleValue": Decimal("0.5")}}, 5 * 10**11),
        ({BYOK: {"doubleValue": Decimal("0.000000000001")}}, 13_500_001),
        ({BYOK: {"intValue": 0}}, 13_500_000),
    ],
)
def test_what_it_cost(changes: dict[str, Any], pusd: int) -> None:
    [call] = read(span(changes)).calls
    assert call.usage.raw_pusd == pusd


def test_a_failed_call() -> None:
    [call] = read(span(status={"code": 2})).calls
    assert call.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"resourceSpans": []},
        {"resourceSpans": [{"scopeSpans": []}, {}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": []}, {"scope": {}}]}]},
    ],
)
def test_nothing_is_told(body: Any) -> None:
    assert read_delivery(body, now_ms=NOW_MS) == Delivery()


def test_spans_about_other_things_are_passed_over() -> None:
    attempt = span({COST: None}, name="provider attempt 1: Alibaba")
    assert read(attempt, {"name": "generation"}) == Delivery()
    renamed = span(name="Generation of an LLM")
    assert len(read(renamed).calls) == 1, "by what it has, whatever it is called"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gen_ai.response.id": None}, "gen_ai.response.id"),
        ({"gen_ai.response.id": {"stringValue": "gen-\n"}}, "gen_ai.response.id"),
        ({"gen_ai.response.id": {"stringValue": "g" * 201}}, "gen_ai.response.id"),
        ({"gen_ai.response.id": {"stringValue": "gen-\0"}}, "gen_ai.response.id"),
        ({"gen_ai.request.model": None}, "gen_ai.response.model"),
        ({"user.id": {"intValue": 4}}, "user.id"),
        ({COST: None}, COST),
        ({COST: {"stringValue": "0.1"}}, COST),
        ({COST: {"doubleValue": "NaN"}}, COST),
        ({COST: {"doubleValue": Decimal("-0.1")}}, COST),
        ({COST: {"doubleValue": Decimal("9001")}}, COST),
        ({COST: {"boolValue": True}}, COST),
        ({COST: {"arrayValue": {}}}, COST),
        ({BYOK: {"doubleValue": Decimal("-1")}}, BYOK),
        ({"gen_ai.usage.input_tokens": {"intValue": "-1"}}, "gen_ai.usage.input_tokens"),
        ({"gen_ai.usage.input_tokens": {"intValue": "many"}}, "gen_ai.usage.input_tokens"),
        ({"gen_ai.usage.input_tokens": {"intValue": "9" * 30}}, "gen_ai.usage.input_tokens"),
        ({"gen_ai.usage.output_tokens": {"doubleValue": Decimal("1.5")}}, "output_tokens"),
        ({"gen_ai.usage.output_tokens": {"intValue": 10**10}}, "gen_ai.usage.output_tokens"),
    ],
)
def test_a_bad_span_is_named_and_the_good_one_counts(changes: dict[str, Any], named: str) -> None:
    found = read(span(changes), span())
    assert len(found.calls) == 1
    [problem] = found.rejected
    assert problem.startswith("resourceSpans[0].scopeSpans[0].spans[0]: ")
    assert named in problem


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"startTimeUnixNano": None}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": True}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "0"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": (NOW_MS + 86_400_001) * 1_000_000}, "startTimeUnixNano"),
        ({"endTimeUnixNano": -1}, "endTimeUnixNano"),
        ({"attributes": "none"}, "attributes"),
        ({"attributes": [{"key": 1, "value": {}}]}, "attributes[0]"),
        ({"attributes": [{"key": "a", "value": 1}]}, "attributes[0]"),
        ({"attributes": [None]}, "attributes[0]"),
    ],
)
def test_a_span_of_the_wrong_shape(fields: dict[str, Any], named: str) -> None:
    found = read(span(**fields), span())
    assert len(found.calls) == 1
    assert named in found.rejected[0]


def test_what_stands_twice_must_not_say_two_things() -> None:
    twice = span()
    twice["attributes"] += [{"key": COST, "value": {"doubleValue": Decimal("1.35E-5")}}]
    assert len(read(twice).calls) == 1
    twice["attributes"] += [{"key": COST, "value": {"doubleValue": 1}}]
    assert COST in read(twice).rejected[0]


def test_a_span_that_is_none() -> None:
    found = read(None, "span", span())
    assert (len(found.calls), len(found.rejected)) == (1, 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        (None, "body"),
        ({"resourceSpans": {}}, "resourceSpans"),
        ({"resourceSpans": [1]}, "resourceSpans[0]"),
        ({"resourceSpans": [{"scopeSpans": 1}]}, "resourceSpans[0].scopeSpans"),
        ({"resourceSpans": [{}, {"scopeSpans": [[]]}]}, "resourceSpans[1].scopeSpans[0]"),
        (
            {"resourceSpans": [{"scopeSpans": [{"spans": "x"}]}]},
            "resourceSpans[0].scopeSpans[0].spans",
        ),
    ],
)
def test_what_is_no_trace_names_the_field(body: Any, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_delivery(body, now_ms=NOW_MS)
    assert caught.value.field == field
