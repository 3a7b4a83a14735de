"""Organizations that a user may be put into."""

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import UNASSIGNED, Clock, OrganizationStore
from mai_usage_ext.services.member_fields import name_of

__all__ = ["Destinations"]

_EXPECTED = "the id of an active organization"


class Destinations:
    """Says whether an organization takes members."""

    def __init__(self, organizations: OrganizationStore, *, clock: Clock) -> None:
        self._organizations = organizations
        self._clock = clock

    def check(self, organization_id: object, *, field: str = "client_org_id") -> str:
        """The id, if it is that of an active organization. Raises ``BadInput`` for the field.

        ``unassigned`` is where calls of nobody are metered; nobody is put there on purpose.
        """
        wanted = name_of(organization_id, field=field, expected=_EXPECTED)
        if wanted == UNASSIGNED:
            expected = "an organization of a client; remove the user to leave them to nobody"
            raise BadInput(field, got=wanted, expected=expected)
        found = self._organizations.get(wanted, at_ms=self._clock.now_ms())
        if found is None:
            raise BadInput(field, got=wanted, expected="an organization that exists")
        if not found.is_active:
            raise BadInput(field, got=wanted, expected="an organization that is not deactivated")
        return wanted
