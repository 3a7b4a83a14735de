"""The routes of organizations' OpenRouter keys. No answer holds a key."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset
from mai_usage_ext.api.schemas.keys import (
    KeyAnswer,
    KeyIn,
    KeyReportAnswer,
    KeysOut,
)
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.ports import Actor, OrganizationQuery, OrganizationRecord

__all__ = ["add_key_routes"]

_ONE = "/clients/{client_id}/key"
_Step = Callable[[ApiServices, str, Actor], Awaitable[OrganizationRecord]]

# What can be done to a key: the last part of its route, what it does, and what was done.
_STEPS: tuple[tuple[str, str, str, _Step], ...] = (
    (
        "provision",
        "Make a key at OpenRouter with the organization's limit",
        "The key was made.",
        lambda found, client_id, actor: found.keys.provision(client_id, actor=actor),
    ),
    (
        "rotate",
        "Replace the key; the old one goes on for a while and is switched off then",
        "The key was replaced.",
        lambda found, client_id, actor: found.keys.rotate(client_id, actor=actor),
    ),
    (
        "disable",
        "Switch the key off, here and at OpenRouter",
        "The key was disabled.",
        lambda found, client_id, actor: found.keys.disable(client_id, actor=actor),
    ),
    (
        "enable",
        "Switch a disabled key on again",
        "The key was enabled.",
        lambda found, client_id, actor: found.keys.enable(client_id, actor=actor),
    ),
)


def add_key_routes(router: APIRouter, door: Door) -> None:
    @router.get(_ONE, response_model=KeyAnswer, responses=problems(404))
    def show_key(client_id: str, _actor: Actor = door.admin) -> KeyAnswer:
        """The state of an organization's key."""
        return KeyAnswer.of(door.services().organizations.get(client_id))

    @router.put(
        _ONE,
        response_model=KeyAnswer,
        responses=problems(404, 409, 502, has_body=True),
        openapi_extra=body_of(KeyIn),
    )
    async def adopt_key(
        client_id: str, fields: dict[str, Any] = door.body(KeyIn), actor: Actor = door.admin
    ) -> KeyAnswer:
        """Give the organization a key that exists already; the key is never shown again."""
        found = door.services()
        record = await found.keys.adopt(client_id, fields["key"], actor=actor)
        found.directory.forget()
        return KeyAnswer.of(record, "The key was stored.")

    for name, summary, done, step in _STEPS:
        _add_step(router, door, name=name, summary=summary, done=done, step=step)

    @router.get("/keys", response_model=KeysOut, responses=problems(404))
    def list_keys(offset: Offset = 0, limit: Limit = 50, _actor: Actor = door.admin) -> KeysOut:
        """The keys of all organizations, and what the last comparison with OpenRouter found."""
        found = door.services()
        wanted = OrganizationQuery(offset=offset, limit=limit)
        records, total = found.organizations.page(wanted)
        return KeysOut.of(records, total, wanted, found.key_check.last_report())

    @router.post("/keys/check", response_model=KeyReportAnswer, responses=problems(404, 409, 502))
    async def check_keys(_actor: Actor = door.admin) -> KeyReportAnswer:
        """Compare our keys with OpenRouter's now, and repair what differs."""
        found = door.services()
        report = await found.key_check.run_once()
        found.directory.forget()
        return KeyReportAnswer.of(report)


def _add_step(
    router: APIRouter, door: Door, *, name: str, summary: str, done: str, step: _Step
) -> None:
    async def take_step(client_id: str, actor: Actor = door.admin) -> KeyAnswer:
        found = door.services()
        try:
            record = await step(found, client_id, actor)
        finally:
            # A step that OpenRouter did not do may still have changed the key's state here.
            found.directory.forget()
        return KeyAnswer.of(record, done)

    router.add_api_route(
        f"{_ONE}/{name}",
        take_step,
        methods=["POST"],
        name=f"{name}_key",
        summary=summary,
        response_model=KeyAnswer,
        responses=problems(404, 409, 502),
    )
