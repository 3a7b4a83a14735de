"""Who is calling, carried by the context of the request and of every task it starts."""

from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Caller", "current_caller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The host's user id, and why the call is made (``chat``, ``title``, ``tags`` …) if known. The
    meter's own test calls are of nobody."""

    user_id: str | None
    purpose: str | None = None


current_caller: ContextVar[Caller | None] = ContextVar("mai_usage_caller", default=None)
