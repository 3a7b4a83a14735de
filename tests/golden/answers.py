"""What the provider answers, as bytes, and what the meter reads in them."""

from typing import Any

from mai_usage_ext.metering.answers import Answer, Ending, read_body
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.metering.stream import StreamWatcher
from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.usage import chat_usage, embeddings_usage
from tests.golden.plan import Call, How

__all__ = ["answer_of", "rejection", "status_of"]

_ERROR = {"code": 502, "message": "Provider returned error"}


def status_of(call: Call) -> int:
    """A stream is well begun by the time that it fails."""
    return 502 if call.how is How.FAILED and not call.is_stream else 200


def answer_of(call: Call, record: Record) -> Answer:
    """The answer as read from its bytes; of a call that was stopped, from those that came."""
    return _streamed(call, record) if call.is_stream else _whole(call, record)


def rejection() -> Answer:
    """A call that was turned away before anything was generated."""
    body = dumps({"error": {"code": 429, "message": "Rate limit exceeded"}})
    return read_body(parse_json(body), status=429, header_id=None)


def _whole(call: Call, record: Record) -> Answer:
    if call.how is How.STOPPED:
        # As ``host.watch`` has it, where the body never came to its end.
        return Answer(ending=Ending.INTERRUPTED, generation_id=record.generation_id)
    body = {**_head(record), "usage": _usage(record)}
    if call.how is How.SILENT:
        body["usage"]["cost"] = None
    if call.how is How.FAILED:
        body["error"] = _ERROR
    return read_body(
        parse_json(dumps(body)), status=status_of(call), header_id=record.generation_id
    )


def _streamed(call: Call, record: Record) -> Answer:
    watcher = StreamWatcher(header_id=record.generation_id)
    delta = {"index": 0, "delta": {"role": "assistant", "content": "word"}}
    _feed(watcher, {**_head(record), "choices": [delta]})
    if call.how is How.STOPPED:
        return watcher.answer(interrupted=True)
    last: dict[str, Any] = {**_head(record), "choices": [], "usage": _usage(record)}
    if call.how is How.FAILED:
        last["error"] = _ERROR
    _feed(watcher, last)
    watcher.feed(b"data: [DONE]\n\n")
    return watcher.answer()


def _feed(watcher: StreamWatcher, event: dict[str, Any]) -> None:
    watcher.feed(b"data: " + dumps(event).encode() + b"\n\n")


def _head(record: Record) -> dict[str, Any]:
    return {
        "id": record.generation_id,
        "model": record.model_answered,
        "provider": record.provider,
        "created": int(record.created_at.timestamp()),
    }


def _usage(record: Record) -> Any:
    assert record.charge is not None
    shape = embeddings_usage if record.model.embeds else chat_usage
    return shape(record.tokens, record.charge, record.switches)
