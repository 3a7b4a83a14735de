"""What the processes on one database tell each other, so that nobody has to wait for a poll.

A message is a hint and never the truth: whoever hears one reads the database. It may come twice,
late or not at all, and everything works without any, only more slowly.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

__all__ = ["Hear", "Messages", "NoMessages", "RedisPlace", "Topic"]


class Topic(StrEnum):
    """``CHANGES`` an admin, or what acts for one, has changed something · ``USAGE`` calls of the
    named organizations have ended."""

    CHANGES = "changes"
    USAGE = "usage"


Hear = Callable[[frozenset[str]], None]
"""Is told the ids of organizations; none says that it may be any of them."""


class Messages(Protocol):
    """``tell`` never waits and never fails, from whatever thread. ``trouble`` is a sentence while
    messages cannot be sent."""

    @property
    def trouble(self) -> str | None: ...

    def tell(self, topic: Topic, names: Collection[str] = ()) -> None:
        """Tell every process, this one included. ``names`` are ids of organizations."""
        ...

    def start(self, hear: dict[Topic, Hear]) -> None:
        """Listen from now on. ``hear`` is called in a thread of its own, also whenever messages may
        have been missed."""
        ...

    def stop(self) -> None: ...


class NoMessages:
    """Nobody else is told: each process finds out by looking."""

    trouble: str | None = None

    def tell(self, topic: Topic, names: Collection[str] = ()) -> None:
        return

    def start(self, hear: dict[Topic, Hear]) -> None:
        return

    def stop(self) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """Where Redis is, as the host's own variables say it.

    ``sentinels`` are (host, port) of those who know the master that ``url`` names; without any,
    ``url`` is a server, or one of a cluster. ``prefix`` begins every key and channel of ours.
    """

    url: str = field(repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    is_cluster: bool = False
    prefix: str = "open-webui:mai_usage"
