"""One setting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Setting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One variable: how it is parsed, and the sentence that says what would be right."""

    name: str
    field: str
    default: str
    expected: str
    meaning: str
    parse: Callable[[str], Any]
    is_secret: bool = False
