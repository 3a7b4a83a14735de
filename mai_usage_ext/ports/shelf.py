"""A shelf that processes share: what one has worked out, another need not."""

from typing import Protocol

__all__ = ["NoShelf", "Shelf"]


class Shelf(Protocol):
    """Whatever lies there may be gone, or somebody else's, at any time. Nothing here raises, and
    nobody waits for long. ``trouble`` is a sentence while the shelf is out of reach."""

    @property
    def trouble(self) -> str | None: ...

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, text: str, *, seconds: int) -> None:
        """Let it lie there for so long, if there is room."""
        ...


class NoShelf:
    trouble = None

    def get(self, key: str) -> str | None:
        return None

    def put(self, key: str, text: str, *, seconds: int) -> None:
        """There is none."""
