"""Streams in the shapes that providers send, with the usage each must give."""

from dataclasses import dataclass

from mai_usage_ext.metering.answers import Ending
from mai_usage_ext.metering.usage import Usage

__all__ = ["RECORDED", "Recorded"]

_USAGE = (
    '"usage":{"prompt_tokens":8174,"completion_tokens":30,"total_tokens":8204,"cost":0.0133176,'
    '"is_byok":false,"prompt_tokens_details":{"cached_tokens":8000},'
    '"cost_details":{"upstream_inference_cost":null},'
    '"completion_tokens_details":{"reasoning_tokens":12}}'
)
_EXPECTED = Usage(
    prompt_tokens=8174,
    completion_tokens=30,
    cached_tokens=8000,
    reasoning_tokens=12,
    raw_pusd=13_317_600_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    name: str
    body: bytes
    usage: Usage | None
    ending: Ending = Ending.COMPLETE
    generation_id: str | None = "gen-1"
    model: str | None = "a/b-2026-01-01"


def _chunk(delta: str, more: str = "") -> str:
    return (
        '{"id":"gen-1","provider":"Some","model":"a/b-2026-01-01","object":"chat.completion.chunk",'
        f'"choices":[{{"index":0,"delta":{{"content":"{delta}"}},"finish_reason":null}}]{more}}}'
    )


def _stream(*events: str, end: str = "\n", done: bool = True) -> bytes:
    lines = [f"data: {event}" for event in events] + (["data: [DONE]"] if done else [])
    return "".join(line + end + end for line in lines).encode()


_HELLO = (_chunk("Hel"), _chunk('lo, what is \\"usage\\": 7?'), _chunk(""))
_EMPTY_CHOICES = (
    '{"id":"gen-1","provider":"Some","model":"a/b-2026-01-01","choices":[],' + _USAGE + "}"
)
_REPEATED_STOP = (
    '{"id":"gen-1","provider":"Some","model":"a/b-2026-01-01",'
    '"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],' + _USAGE + "}"
)
_RUNNING = ',"usage":{"prompt_tokens":8174,"completion_tokens":1,"cost":0.01}'
_COMPLETED = (
    'event: response.completed\ndata: {"type":"response.completed","response":{"id":"gen-1",'
    '"model":"a/b-2026-01-01","usage":{"input_tokens":8174,"output_tokens":30,"cost":0.0133176,'
    '"input_tokens_details":{"cached_tokens":8000},'
    '"output_tokens_details":{"reasoning_tokens":12}}}}\n\n'
)
_ERROR = '"error":{"code":502,"message":"provider went away"}'

RECORDED = (
    Recorded(
        name="usage with empty choices", body=_stream(*_HELLO, _EMPTY_CHOICES), usage=_EXPECTED
    ),
    Recorded(
        name="usage with a repeated stop", body=_stream(*_HELLO, _REPEATED_STOP), usage=_EXPECTED
    ),
    Recorded(name="CRLF", body=_stream(*_HELLO, _EMPTY_CHOICES, end="\r\n"), usage=_EXPECTED),
    Recorded(name="CR", body=_stream(*_HELLO, _EMPTY_CHOICES, end="\r"), usage=_EXPECTED),
    Recorded(
        name="comments between events",
        body=b": OPENROUTER PROCESSING\n\n"
        + b": OPENROUTER PROCESSING\n\n".join(
            [_stream(event, done=False) for event in (*_HELLO, _EMPTY_CHOICES)]
        )
        + b"data: [DONE]\n\n",
        usage=_EXPECTED,
    ),
    Recorded(
        name="null usage in ordinary chunks",
        body=_stream(_chunk("a", ',"usage":null'), _chunk("b", ',"usage": null'), _EMPTY_CHOICES),
        usage=_EXPECTED,
    ),
    Recorded(
        name="running totals in every chunk",
        body=_stream(_chunk("a", _RUNNING), _chunk("b", _RUNNING), _EMPTY_CHOICES),
        usage=_EXPECTED,
    ),
    Recorded(
        name="no [DONE], the body just ends",
        body=_stream(*_HELLO, _EMPTY_CHOICES, done=False),
        usage=_EXPECTED,
    ),
    Recorded(
        name="no blank line behind the last event",
        body=_stream(*_HELLO, _EMPTY_CHOICES, done=False).rstrip(b"\n"),
        usage=_EXPECTED,
    ),
    Recorded(
        name="no space behind data:",
        body=_stream(*_HELLO, _EMPTY_CHOICES).replace(b"data: ", b"data:"),
        usage=_EXPECTED,
    ),
    Recorded(
        name="one event over several data lines",
        body=_stream(*_HELLO, _EMPTY_CHOICES).replace(b'"choices":[],', b'"choices":[],\ndata: '),
        usage=_EXPECTED,
    ),
    Recorded(
        name="responses API",
        body=(
            b'event: response.created\ndata: {"type":"response.created","response":{"id":"gen-1",'
            b'"model":"a/b-2026-01-01","usage":null}}\n\n'
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
            b'"delta":"hi"}\n\n' + _COMPLETED.encode()
        ),
        usage=_EXPECTED,
    ),
    Recorded(name="usage never comes", body=_stream(*_HELLO), usage=None),
    Recorded(
        name="cost is null",
        body=_stream(*_HELLO, _EMPTY_CHOICES.replace('"cost":0.0133176', '"cost":null')),
        usage=None,
    ),
    Recorded(
        name="error in the middle, with usage",
        body=_stream(_HELLO[0], _EMPTY_CHOICES[:-1] + "," + _ERROR + "}"),
        usage=_EXPECTED,
        ending=Ending.FAILED,
    ),
    Recorded(
        name="error in the middle, without usage",
        body=_stream(_HELLO[0], '{"id":"gen-1","model":"a/b-2026-01-01",' + _ERROR + "}"),
        usage=None,
        ending=Ending.FAILED,
    ),
    Recorded(
        name="HTML instead of a stream",
        body=b"<html><body>\n\n<h1>502</h1>\n\n</body></html>",
        usage=None,
        generation_id=None,
        model=None,
    ),
    Recorded(name="an empty body", body=b"", usage=None, generation_id=None, model=None),
    Recorded(
        name="the final event is broken after running totals",
        body=_stream(_chunk("a", _RUNNING), _EMPTY_CHOICES[:-9]),
        usage=None,
    ),
)
