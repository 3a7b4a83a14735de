"""The host's admin at our routes, who makes organizations and puts people into them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import Person
from tests.host.theatre import CHEAP, PASSWORD, PATIENT

__all__ = ["OURS", "Newcomer", "Reseller"]

OURS = "/api/v1/client_organizations"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody new on one host."""

    id: str
    email: str
    person: Person


class Reseller:
    """Everything made here is new, so that tests on one host stay out of each other's way."""

    def __init__(self, host: HostProcess, admin: Person) -> None:
        self.host = host
        self.session = admin.session
        self._admin = admin

    async def ask(
        self, method: str, path: str, body: object | None = None, *, expect: int = 200
    ) -> Any:
        """What one of our routes answers. Fails on any other status than expected."""
        answer = await self._admin.request(method, OURS + path, body)
        assert answer.status == expect, answer.text
        return answer.json()

    async def client(self, name: str, **terms: object) -> dict[str, Any]:
        """A new organization, with a key of its own unless ``provision_key`` says no."""
        made = await self.ask("POST", "/clients", {"name": name, **terms}, expect=201)
        client: dict[str, Any] = made["client"]
        return client

    async def change(self, client: dict[str, Any], **terms: object) -> dict[str, Any]:
        changed = await self.ask("PATCH", f"/clients/{client['id']}", terms)
        found: dict[str, Any] = changed["client"]
        return found

    async def show(self, client: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("GET", f"/clients/{client['id']}"))["client"]
        return found

    async def assign(self, newcomer: Newcomer, client: dict[str, Any], **more: object) -> Any:
        body = {"user_id": newcomer.id, "client_org_id": client["id"], **more}
        return (await self.ask("POST", "/user-mappings", body, expect=201))["mapping"]

    async def newcomer(self, name: str, client: dict[str, Any] | None = None) -> Newcomer:
        """Somebody whom the host has not seen yet, in an organization where one is named."""
        email = f"{name.lower()}.{secrets.token_hex(4)}@example.com"
        form = {"name": name, "email": email, "password": PASSWORD, "role": "user"}
        answer = await self._admin.post("/api/v1/auths/add", form)
        assert answer.status == 200, answer.text
        made = answer.json()
        person = Person(self.session, self.host.url, token=made["token"], model=CHEAP)
        newcomer = Newcomer(str(made["id"]), email, person)
        if client is not None:
            await self.assign(newcomer, client)
        return newcomer

    async def delete_user(self, newcomer: Newcomer) -> None:
        """Delete the user in the host, as its admin does."""
        answer = await self._admin.request("DELETE", f"/api/v1/users/{newcomer.id}")
        assert answer.status == 200, answer.text

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Meanwhile calls wait long for their holds: a busy machine is no failing meter."""
        name = "commit_wait_ms"
        await self.ask("POST", "/settings", {name: int(PATIENT["MAI_USAGE_COMMIT_WAIT_MS"])})
        yield
        await self.ask("POST", "/settings", {name: None})

    async def counts(self) -> dict[str, int]:
        """What the process that answers has counted."""
        found: dict[str, int] = (await self.ask("GET", "/health"))["counts"]
        return found
