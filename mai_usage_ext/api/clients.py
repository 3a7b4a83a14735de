"""The routes of client organizations."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset, Search
from mai_usage_ext.api.schemas.clients import ClientAnswer, ClientChange, ClientIn, ClientsOut
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.api.versions import etag, wanted_version
from mai_usage_ext.errors import UsageError
from mai_usage_ext.ports import Actor, OrganizationQuery, OrganizationRecord

__all__ = ["add_client_routes"]

_SORTS = rf"^-?({'|'.join(OrganizationQuery.SORTS)})$"
# What the key at OpenRouter follows: its name (the slug), its limit (÷ rate, raised for zones ahead
# of UTC), and whether it is switched off.
_KEY_FOLLOWS = frozenset(
    ("slug", "monthly_limit", "on_limit", "markup_rate", "timezone", "is_active")
)

IfMatch = Annotated[str | None, Header(description="The `ETag` that was read")]


def add_client_routes(router: APIRouter, door: Door) -> None:
    @router.get("/clients", response_model=ClientsOut, responses=problems(404))
    def list_clients(
        search: Search = "",
        sort: Annotated[str, Query(pattern=_SORTS)] = "name",
        status: Literal["active", "deactivated"] | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> ClientsOut:
        """Organizations, searched by name, slug and billing e-mail; a `-` sorts downwards."""
        wanted = OrganizationQuery(
            search=search,
            status=status,
            sort=sort.removeprefix("-"),
            is_descending=sort.startswith("-"),
            offset=offset,
            limit=limit,
        )
        return ClientsOut.of(*door.services().organizations.page(wanted), wanted)

    @router.post(
        "/clients",
        status_code=201,
        response_model=ClientAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(ClientIn),
    )
    async def create_client(
        response: Response, fields: dict[str, Any] = door.body(ClientIn), actor: Actor = door.admin
    ) -> ClientAnswer:
        """A new organization, with a key of its own where a management key is configured.

        An organization without its key is usable, so a key that could not be made undoes nothing:
        `key.problem` and the message say what happened and how to try again.
        """
        found = door.services()
        wants_key = fields.pop("provision_key", True)
        record = await asyncio.to_thread(found.organizations.create, fields, actor=actor)
        found.directory.forget()
        message = f"{record.name} was created."
        if wants_key and found.live_settings.current.provisioning_key:
            record, message = await _with_key(found, record, actor)
        return _answer(response, record, message)

    @router.get("/clients/{client_id}", response_model=ClientAnswer, responses=problems(404))
    def show_client(client_id: str, response: Response, _actor: Actor = door.admin) -> ClientAnswer:
        """One organization with this month's money; its `ETag` is its version."""
        return _answer(response, door.services().organizations.get(client_id))

    @router.patch(
        "/clients/{client_id}",
        response_model=ClientAnswer,
        responses=problems(404, 409, 412, has_body=True),
        openapi_extra=body_of(ClientChange),
    )
    async def change_client(
        client_id: str,
        response: Response,
        if_match: IfMatch = None,
        fields: dict[str, Any] = door.body(ClientChange),
        actor: Actor = door.admin,
    ) -> ClientAnswer:
        """Change what the body names; a time zone from its next day on. The key follows."""
        found, version = door.services(), wanted_version(if_match)
        record = await asyncio.to_thread(
            found.organizations.change, client_id, fields, actor=actor, version=version
        )
        found.directory.forget()
        if not _KEY_FOLLOWS.isdisjoint(fields):
            record = await found.keys.sync(client_id)
        return _answer(response, record, f"{record.name} was changed.")

    @router.delete(
        "/clients/{client_id}",
        response_model=ClientAnswer,
        responses=problems(404, 409, 412),
    )
    async def deactivate_client(
        client_id: str,
        response: Response,
        if_match: IfMatch = None,
        actor: Actor = door.admin,
    ) -> ClientAnswer:
        """Deactivate it: its calls are refused, its key is disabled, its usage stays."""
        found, version = door.services(), wanted_version(if_match)
        await asyncio.to_thread(
            found.organizations.deactivate, client_id, actor=actor, version=version
        )
        found.directory.forget()
        record = await found.keys.sync(client_id)
        return _answer(response, record, f"{record.name} was deactivated.")


async def _with_key(
    found: ApiServices, record: OrganizationRecord, actor: Actor
) -> tuple[OrganizationRecord, str]:
    """The organization after an attempt to give it a key, and what became of that."""
    try:
        record = await found.keys.provision(record.id, actor=actor)
    except UsageError as error:
        record = await asyncio.to_thread(found.organizations.get, record.id)
        retry = f"POST clients/{record.id}/key/provision"
        return record, f"{record.name} was created without a key: {error}. Try again: {retry}."
    finally:
        found.directory.forget()
    return record, f"{record.name} was created with a key of its own."


def _answer(response: Response, record: OrganizationRecord, message: str = "") -> ClientAnswer:
    response.headers["ETag"] = etag(record.version)
    return ClientAnswer.of(record, message)
