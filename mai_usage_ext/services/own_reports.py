"""What members may ask of their own organization's usage: the one place that says who sees what."""

from dataclasses import replace

from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.ports import Role
from mai_usage_ext.ports.usage import Dimension, UsageQuery
from mai_usage_ext.services.directory import Placement
from mai_usage_ext.services.usage_reports import SORTS

__all__ = ["OWN_DIMENSIONS", "OWN_SORTS", "own_query"]

OWN_DIMENSIONS = tuple(one for one in Dimension if one is not Dimension.ORGANIZATION)

OWN_SORTS = {
    "key": "key",
    "cost": "markup_cost",
    **{
        name: name
        for name in SORTS
        # An order tells about what it follows, and of these members are told nothing.
        if name not in ("raw_cost", "markup_cost", "profit", "margin")
    },
}
"""What a member's lines can be sorted by, and what reports call it."""


def own_query(query: UsageQuery, place: Placement, *, reader: str) -> tuple[UsageQuery, bool]:
    """``query`` as far as its reader may see, and whether that is all that was asked for.

    Managers see everybody. A member sees what the organization used together, and of single users
    only themselves: lines and totals are their own then. Raises ``BadInput`` for a grouping by
    organization, and ``NotFound`` for another user's id, whether there is such a user or not:
    an empty answer would say that they used nothing.
    """
    if Dimension.ORGANIZATION in query.group_by:
        expected = f"some of {', '.join(OWN_DIMENSIONS)}"
        raise BadInput("group_by", got=",".join(query.group_by), expected=expected)
    wanted = replace(query, organization_id=place.organization.id)
    is_about_users = Dimension.USER in query.group_by or query.user_id is not None
    if place.role is Role.MANAGER or not is_about_users:
        return wanted, True
    if query.user_id not in (None, reader):
        raise NotFound("there is no user of that id whose usage you may see")
    return replace(wanted, user_id=reader), False
