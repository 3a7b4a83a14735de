"""Who may in. The host says who it is; its admins are the reseller, and to everybody else the
admin's routes do not exist."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import Depends, Request
from pydantic import BaseModel

from mai_usage_ext.api.bodies import fields_of, read_json
from mai_usage_ext.api.services import ApiServices, Provide
from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.ports import Actor

__all__ = ["Door", "nothing_here"]


def nothing_here() -> NotFound:
    """The same words whatever was asked for, so that a stranger learns nothing from them."""
    return NotFound("there is no such page")


class Door:
    """The dependencies of the routes below one prefix.

    ``verified_user`` is the host's own dependency, so sessions, API keys and their errors are the
    host's. ``admin`` gives the ``Actor``. FastAPI answers the dependencies of a dependency first,
    and a route's parameters are judged after all of them, so nobody but an admin gets to a 422.
    """

    def __init__(self, services: Provide, *, verified_user: Callable[..., Any]) -> None:
        self._services = services
        self.signed_in = Depends(verified_user)
        self.admin = Depends(_admin_of(self.signed_in))

    def services(self) -> ApiServices:
        """Raises ``NotRunning``."""
        return self._services()

    def body(self, model: type[BaseModel]) -> Any:
        """A dependency that gives the request's JSON by field name, see ``bodies.fields_of``."""

        async def read(request: Request, _actor: Actor = self.admin) -> dict[str, Any]:
            return fields_of(await read_json(request), model)

        return Depends(read)


def _admin_of(signed_in: Any) -> Callable[..., Awaitable[Actor]]:
    async def admin(request: Request, user: Any = signed_in) -> Actor:
        if getattr(user, "role", None) != "admin":
            raise nothing_here()
        _check_texts(request)
        address = request.client.host if request.client is not None else ""
        return Actor(kind="user", id=str(user.id), address=address)

    return admin


def _check_texts(request: Request) -> None:
    """A NUL is a text no database takes: no id has one, and no search finds one."""
    if any("\0" in str(value) for value in request.path_params.values()):
        raise nothing_here()
    pairs: Sequence[tuple[str, str]] = request.query_params.multi_items()
    for name, value in pairs:
        if "\0" in value:
            raise BadInput(name[:80], got=value, expected="a text without NUL characters")
