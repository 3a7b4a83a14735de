"""A file that we serve: its bytes, packed once for whoever can unpack them, and its ETag.

What a browser has already is not sent again, and what it gets is as small as it can read.
"""

import gzip
import hashlib
import importlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Content", "accepted_encoding"]

_LEAST_BYTES = 500


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=9, mtime=0)


def _packers() -> dict[str, Callable[[bytes], bytes]]:
    """By the encoding's name, the best first. Brotli is no dependency of ours: hosts bring it."""
    try:
        brotli: Any = importlib.import_module("brotli")
    except ImportError:
        return {"gzip": _gzip}
    return {"br": brotli.compress, "gzip": _gzip}


_PACKERS = _packers()


class Content:
    """Bytes of one media type. Each encoding is made when it is first asked for, and kept."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self._media_type = media_type
        self._packed: dict[str, bytes] = {}

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:24]

    def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """The response in the best encoding that the request takes; 304 where it has it already."""
        encoding = accepted_encoding(request.headers.get("accept-encoding", ""))
        body = self._in(encoding)
        if body is self.body:
            encoding = ""
        etag = f'"{self._digest}{f"-{encoding}" if encoding else ""}"'
        shown = {
            **headers,
            "ETag": etag,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if _is_known(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=shown)
        if encoding:
            shown["Content-Encoding"] = encoding
        return Response(body, media_type=self._media_type, headers=shown)

    def _in(self, encoding: str) -> bytes:
        if not encoding or len(self.body) < _LEAST_BYTES:
            return self.body
        packed = self._packed.get(encoding)
        if packed is None:
            packed = self._packed[encoding] = _PACKERS[encoding](self.body)
        return packed if len(packed) < len(self.body) else self.body


def accepted_encoding(header: str) -> str:
    """The encoding that ``Accept-Encoding`` likes best of ours; '' for the bytes as they are.

    Of those it likes equally, ours is the order. Nobody who refuses all of them gets nothing.
    """
    wishes = dict(_wish(part) for part in header.lower().split(",") if part.strip())
    others = wishes.get("*", 0.0)
    qualities = {name: wishes.get(name, others) for name in _PACKERS}
    best = max(qualities, key=lambda name: qualities[name])
    # Who says nothing of the plain bytes takes them, but only in the last place.
    plain = wishes.get("identity", 0.0)
    return best if qualities[best] > 0 and qualities[best] >= plain else ""


def _wish(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return name, _quality(value)
    return name, 1.0


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _is_known(etag: str, header: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in known or etag in known
