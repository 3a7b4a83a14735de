"""One step of a check that somebody asked for, as it is shown to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["CheckRun", "Step", "is_fine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``ms`` is how long it took; ``seen`` is a sentence about what was there, ``advice`` says what
    to do where ``is_ok`` is false."""

    name: str
    is_ok: bool
    ms: int
    seen: str
    advice: str = ""


class CheckRun(Protocol):
    """A check that somebody asked for. It raises nothing of what it looks at."""

    async def run(self) -> Sequence[Step]: ...


def is_fine(steps: Sequence[Step]) -> bool:
    return all(step.is_ok for step in steps)
