"""Reading along an answer that is compressed, while its bytes go on as they came."""

import importlib
import zlib
from collections.abc import Callable
from typing import Any

from mai_usage_ext.guard import tally

__all__ = ["decoder_of"]

Decode = Callable[[bytes], bytes]

_GZIP = 16 + zlib.MAX_WBITS


def decoder_of(content_encoding: str | None) -> Decode | None:
    """What turns each piece of an answer into text as far as it goes; ``None`` where it is text.

    What cannot be read becomes nothing, never an error: such an answer has no usage, and its
    generation is asked for instead.
    """
    names = [name.strip() for name in (content_encoding or "").lower().split(",")]
    encodings = [name for name in names if name not in ("", "identity")]
    if not encodings:
        return None
    try:
        # The last one named was applied last.
        return _Chain([_DECODERS[name]() for name in reversed(encodings)])
    except (KeyError, ImportError) as error:
        tally.warn("answers in an unknown encoding", f"{content_encoding}: {error!r}")
        return _nothing


def _nothing(_: bytes) -> bytes:
    return b""


class _Chain:
    def __init__(self, decoders: list[Decode]) -> None:
        self._decoders = decoders
        self._is_broken = False

    def __call__(self, data: bytes) -> bytes:
        if self._is_broken:
            return b""
        try:
            for decode in self._decoders:
                data = decode(data)
        except Exception as error:  # noqa: BLE001 - each library has errors of its own
            self._is_broken = True
            tally.warn("answers that cannot be decoded", f"an answer cannot be decoded: {error}")
            return b""
        return data


class _Deflate:
    """With a frame around it, as the standard says, or without, as some servers have it."""

    def __init__(self) -> None:
        self._inner: Any = None

    def __call__(self, data: bytes) -> bytes:
        if self._inner is not None:
            return bytes(self._inner.decompress(data))
        try:
            framed = zlib.decompressobj()
            text = framed.decompress(data)
            self._inner = framed
        except zlib.error:
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
            text = self._inner.decompress(data)
        return text


def _gzip() -> Decode:
    return zlib.decompressobj(_GZIP).decompress


def _brotli() -> Decode:
    # Both spellings of one library; which of the two is there differs from host to host.
    try:
        inner: Any = importlib.import_module("brotli").Decompressor()
    except ImportError:
        inner = importlib.import_module("brotlicffi").Decompressor()
    decode: Decode = getattr(inner, "process", None) or inner.decompress
    return decode


def _zstd() -> Decode:
    decode: Decode = (
        importlib.import_module("zstandard").ZstdDecompressor().decompressobj().decompress
    )
    return decode


_DECODERS: dict[str, Callable[[], Decode]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Deflate,
    "br": _brotli,
    "zstd": _zstd,
}
