"""Reports as files to download."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.downloads import Download, Downloads
from mai_usage_ext.api.schemas.exports import ClientExportIn, ExportIn
from mai_usage_ext.ports import Actor, Role
from mai_usage_ext.ports.tables import Table
from mai_usage_ext.services.exports import Export

__all__ = ["add_export_routes", "add_own_export_routes"]

_FILE = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; the connection breaks where not all of it can be sent",
        "content": {
            "text/csv": _FILE,
            "application/json": _FILE,
            "application/jsonl": _FILE,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _FILE,
            "application/vnd.apache.parquet": _FILE,
        },
    },
    **problems(404, 409),
}


def add_export_routes(router: APIRouter, door: Door) -> None:
    """For admins: every organization, and all there is to know of it."""
    downloads = Downloads()

    @router.get("/usage/export", response_class=Response, responses=_RESPONSES)
    async def export_usage(
        query: Annotated[ClientExportIn, Query()], actor: Actor = door.admin
    ) -> Download:
        """A report as a file, of one organization or of all.

        `user-model`, `by-purpose` and `ledger` reach back as far as single calls are kept.
        """
        services = door.services()
        wanted = query.request(is_admin=True, organization_id=query.client_id or None)
        return await downloads.begin(
            actor.id, lambda watch: services.exports.open(wanted, watch=watch)
        )


def add_own_export_routes(router: APIRouter, door: Door) -> None:
    """For everybody: one's own organization, and billed money only."""
    downloads = Downloads()

    @router.get("/usage/my-organization/export", response_class=Response, responses=_RESPONSES)
    async def export_my_organization(
        query: Annotated[ExportIn, Query()], user: Any = door.signed_in
    ) -> Download:
        """A report of one's own organization as a file: all of it for managers, the own rows for
        members."""
        services, user_id = door.services(), str(user.id)

        def opened(watch: Callable[[Table], Table]) -> Export:
            place = services.directory.organization_of(user_id)
            wanted = query.request(
                is_admin=False,
                organization_id=place.organization.id,
                user_id=None if place.role is Role.MANAGER else user_id,
            )
            return services.exports.open(wanted, watch=watch)

        return await downloads.begin(user_id, opened)
