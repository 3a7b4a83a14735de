"""All organizations in one table, as the reseller's front page has them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.pages import Limit, Offset, Search
from mai_usage_ext.api.schemas.client_usage import ByClientOut
from mai_usage_ext.ports import Actor, OrganizationQuery
from mai_usage_ext.services.client_overview import CLIENT_SORTS

__all__ = ["add_client_usage_routes"]

_SORTS = rf"^-?({'|'.join(CLIENT_SORTS)})$"


def add_client_usage_routes(router: APIRouter, door: Door) -> None:
    @router.get("/usage/by-client", response_model=ByClientOut, responses=problems(404))
    def usage_by_client(
        search: Search = "",
        sort: Annotated[str, Query(pattern=_SORTS)] = "-spend",
        status: Literal["active", "deactivated"] | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> ByClientOut:
        """Each client's month beside the one before, its limit, key and last thirty days.

        A `-` sorts downwards; clients without a value stand last either way.
        """
        wanted = OrganizationQuery(
            search=search,
            status=status,
            sort=sort.removeprefix("-"),
            is_descending=sort.startswith("-"),
            offset=offset,
            limit=limit,
        )
        return ByClientOut.of(door.services().usage.clients.page(wanted), wanted)
