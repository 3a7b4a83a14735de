"""What OpenRouter's Broadcast says: OTLP traces in JSON, each call's span with its usage.

A delivery is read span by span: what is wrong with one is said of that one, and the others count.
Numbers come as ``doubleValue`` or ``intValue``, the latter perhaps as a string, as OTLP's JSON has
them. Source of names: OpenRouter's page about Broadcast to a webhook, and the OTLP specification.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import pusd_from_usd
from mai_usage_ext.metering.usage import MAX_CALL_PUSD, MAX_TOKENS, Usage
from mai_usage_ext.ports import Outcome
from mai_usage_ext.ports.broadcast import BroadcastCall

__all__ = ["Delivery", "read_delivery"]

# The span of a whole call. Its children tell of single attempts, and carry neither.
_NAME = "LLM Generation"
_COSTS = ("gen_ai.usage.total_cost", "trace.metadata.openrouter_generation.usage")
# What a provider charges the owner of a key of their own, beside OpenRouter's fee.
_BYOK = "trace.metadata.openrouter_generation.byok_usage_inference"
_ID = "gen_ai.response.id"
_MODELS = ("gen_ai.response.model", "gen_ai.request.model")
_PROVIDER = "trace.metadata.openrouter.provider_name"
_USER = "user.id"
_KEY = "trace.metadata.openrouter.api_key_name"
_PROMPT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_COMPLETION = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_CACHED = "gen_ai.usage.input_tokens.cached"
_REASONING = "gen_ai.usage.output_tokens.reasoning"

_LONGEST_TEXT = 200
_STATUS_ERROR = 2
_NANOS_PER_MS = 1_000_000
# A billion seconds ago there was no OpenRouter; a clock may be a day ahead.
_EARLIEST_MS = 1_500_000_000_000
_AHEAD_MS = 86_400_000
_LONGEST_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The calls of one request, and a sentence for every span that cannot be used."""

    calls: list[BroadcastCall] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


class _Unusable(ValueError):
    """The text names the field."""


def read_delivery(body: object, *, now_ms: int) -> Delivery:
    """Every call that ``body`` tells of; spans about anything else are passed over.

    Raises ``BadInput`` that names the field where it is no trace at all. An empty object is one
    without spans, and so is what OpenRouter sends to test a connection.
    """
    if not isinstance(body, Mapping):
        raise BadInput("body", got=type(body).__name__, expected="an object with resourceSpans")
    delivery = Delivery()
    for path, span in _spans(body):
        try:
            call = _call(span, now_ms)
        except _Unusable as error:
            delivery.rejected.append(f"{path}: {error}")
        else:
            if call is not None:
                delivery.calls.append(call)
    return delivery


def _spans(body: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for at, resource in _listed(body, "resourceSpans", ""):
        for within, scope in _listed(resource, "scopeSpans", at):
            yield from _listed(scope, "spans", within, of_objects=False)


def _listed(
    holder: Mapping[str, Any], name: str, at: str, *, of_objects: bool = True
) -> Iterator[tuple[str, Any]]:
    where = f"{at}.{name}" if at else name
    items = holder.get(name)
    if items is None:
        return
    if not isinstance(items, list):
        raise BadInput(where, got=type(items).__name__, expected="a list")
    for index, item in enumerate(items):
        if of_objects and not isinstance(item, Mapping):
            raise BadInput(f"{where}[{index}]", got=type(item).__name__, expected="an object")
        yield f"{where}[{index}]", item


def _call(span: object, now_ms: int) -> BroadcastCall | None:
    if not isinstance(span, Mapping):
        raise _Unusable("a span is not an object")
    attributes = _attributes(span.get("attributes"))
    if span.get("name") != _NAME and attributes.get(_COSTS[0]) is None:
        return None
    began_ms = _instant_ms(span, "startTimeUnixNano")
    if not _EARLIEST_MS <= began_ms <= now_ms + _AHEAD_MS:
        raise _Unusable("startTimeUnixNano is no instant of a call that is over")
    lasted_ms = _instant_ms(span, "endTimeUnixNano") - began_ms
    status = span.get("status")
    failed = isinstance(status, Mapping) and status.get("code") in (
        _STATUS_ERROR,
        "STATUS_CODE_ERROR",
    )
    return BroadcastCall(
        generation_id=_required(attributes, _ID),
        at_ms=began_ms,
        duration_ms=lasted_ms if 0 <= lasted_ms <= _LONGEST_MS else None,
        model=_required(attributes, *_MODELS),
        provider=_text(attributes, _PROVIDER),
        user=_text(attributes, _USER),
        key_name=_text(attributes, _KEY),
        usage=_usage(attributes),
        outcome=Outcome.FAILED if failed else Outcome.COMPLETED,
    )


def _usage(attributes: Mapping[str, Any]) -> Usage:
    upstream = _cost(attributes, _BYOK) if attributes.get(_BYOK) is not None else 0
    return Usage(
        prompt_tokens=_tokens(attributes, *_PROMPT),
        completion_tokens=_tokens(attributes, *_COMPLETION),
        cached_tokens=_tokens(attributes, _CACHED),
        reasoning_tokens=_tokens(attributes, _REASONING),
        raw_pusd=_cost(attributes, *_COSTS) + upstream,
        is_byok=upstream > 0,
    )


def _attributes(listed: object) -> Mapping[str, Any]:
    """Values by name, as Python has them; a name that stands twice must not say two things."""
    if listed is None:
        return {}
    if not isinstance(listed, list):
        raise _Unusable("attributes is not a list")
    found: dict[str, Any] = {}
    for index, item in enumerate(listed):
        name = item.get("key") if isinstance(item, Mapping) else None
        value = item.get("value") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not isinstance(value, Mapping):
            raise _Unusable(f"attributes[{index}] is not a key with a value")
        said = _value(value)
        if name in found and found[name] != said:
            raise _Unusable(f"{name[:_LONGEST_TEXT]} stands twice with different values")
        found[name] = said
    return found


def _value(value: Mapping[str, Any]) -> Any:
    for kind in ("stringValue", "doubleValue", "boolValue"):
        if kind in value:
            return value[kind]
    whole = value.get("intValue")
    if isinstance(whole, str):
        digits = whole.removeprefix("-")
        is_whole = digits.isascii() and digits.isdecimal() and len(digits) <= 20
        return int(whole) if is_whole else whole
    return whole


def _required(attributes: Mapping[str, Any], *names: str) -> str:
    for name in names:
        text = _text(attributes, name)
        if text:
            return text
    raise _Unusable(f"{names[0]} is missing")


def _text(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise _Unusable(f"{name} is not a text of at most {_LONGEST_TEXT} characters")
    return value


def _tokens(attributes: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = attributes.get(name)
        if value is None:
            continue
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value) if abs(value) <= MAX_TOKENS else -1
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
            raise _Unusable(f"{name} is not a number of tokens")
        return value
    return 0


def _cost(attributes: Mapping[str, Any], *names: str) -> int:
    """Raw picodollars. A call whose cost is not said is never taken for a free one."""
    name = next((name for name in names if attributes.get(name) is not None), None)
    if name is None:
        raise _Unusable(f"{names[0]} is missing")
    value = attributes[name]
    if isinstance(value, str):
        raise _Unusable(f"{name} is a text; expected a number of USD")
    try:
        cost = pusd_from_usd(value, field=name)
    except BadInput as error:
        raise _Unusable(str(error)) from None
    if cost > MAX_CALL_PUSD:
        raise _Unusable(f"{name} is above 9,000 USD for one call")
    return cost


def _instant_ms(span: Mapping[str, Any], name: str) -> int:
    value = span.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _Unusable(f"{name} is not a whole number of nanoseconds")
    return value // _NANOS_PER_MS
