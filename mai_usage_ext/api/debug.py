"""What an operator asks when something looks wrong. Nothing here changes what is booked, except the
self-test against OpenRouter, which makes a call and says first what it costs."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.schemas.debug import (
    ConnectivityOut,
    ExplanationOut,
    SelfTestIn,
    SelfTestOut,
    SlowQueriesOut,
    ValidationOut,
)
from mai_usage_ext.ports import Actor

__all__ = ["add_debug_routes"]


def add_debug_routes(router: APIRouter, door: Door) -> None:
    @router.get(
        "/debug/generations/{generation_id}",
        response_model=ExplanationOut,
        responses=problems(404),
    )
    def explain_generation(
        generation_id: Annotated[str, Path(max_length=200)], _actor: Actor = door.admin
    ) -> ExplanationOut:
        """Why a number is so: one call through hold, entry, counters, day and month.

        A hold's id will do as well.
        """
        return ExplanationOut.of(door.services().debug.explain.of(generation_id))

    @router.post(
        "/debug/self-test",
        response_model=SelfTestOut,
        responses=problems(404, 502, has_body=True),
        openapi_extra=body_of(SelfTestIn),
    )
    async def self_test(
        fields: dict[str, Any] = door.body(SelfTestIn), actor: Actor = door.admin
    ) -> SelfTestOut:
        """A real call, followed through everything it has to show up in, step by step.

        Against OpenRouter it costs real money, booked to nobody: without `confirm` it says how much
        and does nothing. Against a simulator it runs in a process and a database of its own.
        """
        debug, wanted = door.services().debug, SelfTestIn(**fields)
        if wanted.target == "simulator":
            return SelfTestOut.of(await debug.simulated_test())
        if not wanted.confirm:
            return SelfTestOut.offered(await debug.self_test.offer(wanted.model))
        return SelfTestOut.of(await debug.self_test.run(wanted.model, actor=actor))

    @router.get("/debug/slow-queries", response_model=SlowQueriesOut, responses=problems(404))
    def slow_queries(
        limit: Annotated[int, Query(ge=1, le=100)] = 20, _actor: Actor = door.admin
    ) -> SlowQueriesOut:
        """The slowest statements of this process, by shape, without any value."""
        log = door.services().debug.slow_queries
        return SlowQueriesOut.of(log.slowest(limit), threshold_ms=log.threshold_ms)

    @router.post("/debug/openrouter", response_model=ConnectivityOut, responses=problems(404))
    async def openrouter(_actor: Actor = door.admin) -> ConnectivityOut:
        """The way to OpenRouter, tried step by step: name, connection, models, key, credits."""
        return ConnectivityOut.of(await door.services().debug.connectivity.run())

    @router.post("/debug/validate", response_model=ValidationOut, responses=problems(404))
    async def validate(_actor: Actor = door.admin) -> ValidationOut:
        """Counters, sealed days and months, added up anew from the ledger; lists what differs."""
        return ValidationOut.of(await asyncio.to_thread(door.services().debug.validation.run))
