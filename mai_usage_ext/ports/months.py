"""The totals of months, and what they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

__all__ = ["MonthDifference", "MonthTotalStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthDifference:
    """A month whose total is not what it is made of. Money is picodollars; ``user_id`` is ``None``
    for the organization as a whole.

    ``spent_pusd`` ought to be ``used_pusd``, what the days of the month billed, and ``held_pusd``
    ought to be ``open_pusd``, the estimates of its holds that are not closed.
    """

    organization_id: str
    month: str
    user_id: str | None
    spent_pusd: int
    used_pusd: int
    held_pusd: int
    open_pusd: int

    def __str__(self) -> str:
        whose = "" if self.user_id is None else f", user {self.user_id}"
        return (
            f"{self.organization_id} in {self.month}{whose}: spent {self.spent_pusd}, its days have"
            f" {self.used_pusd}; held {self.held_pusd}, its holds have {self.open_pusd} picodollars"
        )


class MonthTotalStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def organizations(self) -> Sequence[str]: ...

    def differences(self, organization_id: str, *, users_since: date) -> Sequence[MonthDifference]:
        """All months of an organization that are wrong, as of one instant; its users' own totals
        from the month of ``users_since`` on."""
        ...
