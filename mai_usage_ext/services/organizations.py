"""Client organizations and their members, just enough to attribute usage."""

from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.metering.days import zone
from mai_usage_ext.metering.money import rate_from_decimal
from mai_usage_ext.ports import Clock, Membership, Organization, OrganizationStore, Role

__all__ = ["Organizations"]

_LONGEST_NAME = 200


class Organizations:
    def __init__(
        self,
        store: OrganizationStore,
        *,
        default_rate_micro: int,
        billing_currency: str,
        time_zone: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._default_rate_micro = default_rate_micro
        self._billing_currency = billing_currency
        self._time_zone = time_zone
        self._clock = clock

    def create(
        self, name: str, *, time_zone: str | None = None, markup_rate: object = None
    ) -> Organization:
        """A new organization, with the default zone and markup unless told otherwise.

        Raises ``BadInput`` naming ``name``, ``timezone`` or ``markup_rate``.
        """
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise BadInput("name", got=name, expected=f"1 to {_LONGEST_NAME} printable characters")
        rate = self._default_rate_micro if markup_rate is None else rate_from_decimal(markup_rate)
        return self._store.create(
            name=name.strip(),
            time_zone=zone(time_zone or self._time_zone).key,
            rate_micro=rate,
            billing_currency=self._billing_currency,
            now_ms=self._clock.now_ms(),
        )

    def assign(self, user_id: str, organization_id: str, *, role: Role = Role.MEMBER) -> Membership:
        """Move a user into an organization from now on. Raises ``NotFound`` and ``BadInput``."""
        if not user_id:
            raise BadInput("user_id", got=user_id, expected="the host's id of a user")
        now_ms = self._clock.now_ms()
        if self._store.get(organization_id, at_ms=now_ms) is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return self._store.assign(
            user_id=user_id, organization_id=organization_id, role=role, now_ms=now_ms
        )
