"""Methods of somebody else's classes, replaced and put back."""

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Patches"]


class Patches:
    """What was replaced, with each original."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    def __bool__(self) -> bool:
        return bool(self._originals)

    def replace(self, owner: Any, name: str, wrapping: Callable[[Any], Callable[..., Any]]) -> None:
        """Put ``wrapping(original)`` in the place of ``owner.name``. Raises ``AttributeError``."""
        original = getattr(owner, name)
        setattr(owner, name, functools.wraps(original)(wrapping(original)))
        self._originals.append((owner, name, original))

    def undo(self) -> None:
        """Put every original back, the last one first. May be repeated."""
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)
