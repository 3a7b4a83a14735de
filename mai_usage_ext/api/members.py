"""The routes of members, by mAI's name: user mappings."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.bodies import BULK_BYTES, media_type_of, read_json, read_text
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset, Search
from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.api.schemas.bulk import BulkIn, BulkOut, rows_of
from mai_usage_ext.api.schemas.members import (
    CandidatesOut,
    MappingAnswer,
    MappingChange,
    MappingIn,
    MappingsOut,
)
from mai_usage_ext.ports import Actor, Role
from mai_usage_ext.services.member_fields import instant_ms

__all__ = ["add_member_routes"]

_ONE = "/user-mappings/{user_id}"


def add_member_routes(router: APIRouter, door: Door) -> None:
    @router.get("/user-mappings", response_model=MappingsOut, responses=problems(404))
    def list_mappings(
        client_id: Annotated[str | None, Query(max_length=200)] = None,
        role: Role | None = None,
        search: Search = "",
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> MappingsOut:
        """Who belongs where now, searched by id, name and e-mail."""
        views, total = door.services().members.page(
            organization_id=client_id or None,
            role=role,
            search=search,
            offset=offset,
            limit=limit,
        )
        return MappingsOut.of(views, total, offset=offset, limit=limit)

    @router.post(
        "/user-mappings",
        status_code=201,
        response_model=MappingAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(MappingIn),
    )
    def assign_user(
        fields: dict[str, Any] = door.body(MappingIn), actor: Actor = door.admin
    ) -> MappingAnswer:
        """Put a user into an organization, now or from an instant on."""
        found = door.services()
        user_id, organization_id = fields.pop("user_id"), fields.pop("client_org_id")
        begin = fields.pop("effective_from", None)
        if begin is not None:
            fields["effective_from_ms"] = instant_ms(begin)
        found.members.assign(user_id, organization_id, actor=actor, **fields)
        found.directory.forget()
        return MappingAnswer.of(found.members.get(user_id), "The user was assigned.")

    @router.post(
        "/user-mappings/bulk",
        response_model=BulkOut,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(BulkIn, text="text/csv"),
    )
    def assign_users(
        dry_run: Annotated[bool, Query(description="Judge every row and write nothing")] = False,
        partial: Annotated[bool, Query(description="Write good rows beside bad ones")] = False,
        rows: Any = _rows_behind(door),
        actor: Actor = door.admin,
    ) -> BulkOut:
        """Many at once, as a list or as CSV with a heading: all rows, or none if one is bad."""
        found = door.services()
        result = found.members.assign_many(rows, dry_run=dry_run, partial=partial, actor=actor)
        found.directory.forget()
        return BulkOut.of(result)

    # Before the route of one user, whose id it is not.
    @router.get("/user-mappings/candidates", response_model=CandidatesOut, responses=problems(404))
    def list_candidates(
        search: Search = "",
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> CandidatesOut:
        """The host's users, by e-mail, and where each belongs; of those that a text finds, the
        first thousand."""
        found, total = door.services().members.candidates.page(search, offset=offset, limit=limit)
        return CandidatesOut.of(found, total, offset=offset, limit=limit)

    @router.get(_ONE, response_model=MappingAnswer, responses=problems(404))
    def show_mapping(user_id: str, _actor: Actor = door.admin) -> MappingAnswer:
        """One user with the history of where they belonged."""
        return MappingAnswer.of(door.services().members.get(user_id))

    @router.patch(
        _ONE,
        response_model=MappingAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(MappingChange),
    )
    def change_mapping(
        user_id: str,
        fields: dict[str, Any] = door.body(MappingChange),
        actor: Actor = door.admin,
    ) -> MappingAnswer:
        """Change role or limit, or move the user; usage so far stays where it was."""
        found = door.services()
        found.members.change(user_id, fields, actor=actor)
        found.directory.forget()
        return MappingAnswer.of(found.members.get(user_id), "The mapping was changed.")

    @router.delete(f"{_ONE}/planned", response_model=MappingAnswer, responses=problems(404, 409))
    def cancel_planned_move(user_id: str, actor: Actor = door.admin) -> MappingAnswer:
        """Take back a move that has not happened yet; the user stays where they are."""
        found = door.services()
        found.members.cancel_planned(user_id, actor=actor)
        found.directory.forget()
        return MappingAnswer.of(found.members.get(user_id), "The planned move was taken back.")

    @router.delete(_ONE, response_model=MappingAnswer, responses=problems(404, 409))
    def unmap_user(user_id: str, actor: Actor = door.admin) -> MappingAnswer:
        """Return the user to the default organization, or to none where there is no default."""
        found = door.services()
        found.members.remove(user_id, actor=actor)
        found.directory.forget()
        return MappingAnswer.of(found.members.get(user_id), "The user was unmapped.")


def _rows_behind(door: Door) -> Any:
    async def read(request: Request, _actor: Actor = door.admin) -> Any:
        media_type = media_type_of(request)
        if media_type == "text/csv":
            return await read_text(request, most=BULK_BYTES)
        if media_type == "application/json":
            return rows_of(await read_json(request, most=BULK_BYTES))
        raise Rejected(
            415, "Unsupported content type", "send the rows as application/json or text/csv"
        )

    return Depends(read)
