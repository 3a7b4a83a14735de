"""A short chat completion as the host would send it: through aiohttp, past the wrapped method."""

from typing import Any

import aiohttp

from mai_usage_ext.errors import BadInput
from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.metering.answers import identifier
from mai_usage_ext.metering.money import parse_json, pusd_from_usd
from mai_usage_ext.ports.self_test import PURPOSE, TestAnswer

__all__ = ["PlainTestCall"]

_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)


class PlainTestCall:
    """Implements ``ports.self_test.TestCall``."""

    def __init__(self, base_url: str) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"

    async def send(self, model: str, *, key: str) -> TestAnswer:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "Answer with the one word: yes"}],
            "max_tokens": 16,
            "usage": {"include": True},
        }
        token = current_caller.set(Caller(user_id=None, purpose=PURPOSE))
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session,
                session.post(
                    self._url, json=body, headers={"Authorization": f"Bearer {key}"}
                ) as response,
            ):
                return _read(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _failed(0, f"no answer: {type(error).__name__}")
        finally:
            current_caller.reset(token)


def _read(status: int, body: bytes) -> TestAnswer:
    try:
        answer: Any = parse_json(body)
        if status >= 400:
            return _failed(status, str(answer["error"]["message"])[:300])
        cost = pusd_from_usd(answer["usage"]["cost"], field="usage.cost")
    except (ValueError, KeyError, TypeError, BadInput, RecursionError):
        return _failed(status, "the answer has no cost that can be read")
    return TestAnswer(
        status=status, generation_id=identifier(answer.get("id")), cost_pusd=cost, problem=None
    )


def _failed(status: int, problem: str) -> TestAnswer:
    return TestAnswer(status=status, generation_id=None, cost_pusd=None, problem=problem)
