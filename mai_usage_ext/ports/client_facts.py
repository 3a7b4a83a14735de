"""What an overview of all organizations is sorted by, and drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mai_usage_ext.ports.organizations import OrganizationQuery

__all__ = ["ClientFact", "ClientFactStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFact:
    """``last_day`` is the last one with any usage, ``time_zone`` the one in force."""

    id: str
    name: str
    time_zone: str
    limit_pusd: int | None
    last_day: date | None


class ClientFactStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def clients(self, wanted: OrganizationQuery, *, at_ms: int) -> Sequence[ClientFact]:
        """All that are asked for; order and page of the query are left to the caller."""
        ...

    def billed_by_day(
        self, organization_ids: Sequence[str], *, first: date, last: date
    ) -> Mapping[str, Mapping[date, int]]:
        """Picodollars of the days that have any, sealed or live."""
        ...
