"""`POST /embeddings`: repeatable vectors of unit length."""

from __future__ import annotations

import base64
import hashlib
import math
import random
import struct
from typing import Any, Final

from mai_usage_ext.simulator.draft import Prompt
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import Call
from mai_usage_ext.simulator.usage import embeddings_usage

_DIMENSIONS: Final = 256
_MOST_DIMENSIONS: Final = 4_096


class Embeddings:
    """Texts in, vectors out; never streamed."""

    name = "/embeddings"
    embeds = True

    def prompt_of(self, body: dict[str, Any]) -> Prompt:
        wanted = body.get("input")
        texts = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(texts, list) or not texts:
            raise ApiError(400, 'Input required: specify "input"')
        # Lists of token numbers are allowed upstream; their digits do as well as words here.
        inputs = tuple(text if isinstance(text, str) else dumps(text) for text in texts)
        return Prompt(text="\n".join(inputs), question=inputs[-1], inputs=inputs)

    async def whole(self, call: Call) -> None:
        tokens, charge = call.finish()
        answer: dict[str, Any] = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _vector_for(call, text)}
                for index, text in enumerate(call.prompt.inputs)
            ],
            "model": call.record.model_answered,
            "provider": call.record.provider,
        }
        if call.body_id is not None:
            answer["id"] = call.body_id
        if call.shows_usage:
            answer["usage"] = embeddings_usage(tokens, charge, call.switches)
        await call.wire.json(dumps(answer))

    async def stream(self, call: Call) -> None:
        await self.whole(call)


def _vector_for(call: Call, text: str) -> list[float] | str:
    wanted = call.body.get("dimensions")
    dimensions = wanted if type(wanted) is int and 0 < wanted <= _MOST_DIMENSIONS else _DIMENSIONS
    vector = _unit_vector(text, dimensions)
    if call.body.get("encoding_format") != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()


def _unit_vector(text: str, dimensions: int) -> list[float]:
    source = random.Random(hashlib.sha256(text.encode()).digest())
    raw = [source.uniform(-1, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(part * part for part in raw)) or 1.0
    return [round(part / length, 7) for part in raw]
