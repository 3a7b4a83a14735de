"""The money of a month as a limit counts it."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["MonthMoney", "MonthMoneyStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthMoney:
    """Billed picodollars: what is spent, and what calls that are not settled may still cost."""

    spent_pusd: int = 0
    held_pusd: int = 0


class MonthMoneyStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def of_organization(self, organization_id: str, month: str) -> MonthMoney: ...

    def of_user(self, organization_id: str, month: str, user_id: str) -> MonthMoney:
        """A user's part, also where no limit has asked for it yet."""
        ...
