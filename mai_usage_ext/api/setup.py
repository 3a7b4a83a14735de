"""What a new installation still lacks."""

from fastapi import APIRouter

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.schemas.setup import SetupOut
from mai_usage_ext.ports import Actor

__all__ = ["add_setup_routes"]


def add_setup_routes(router: APIRouter, door: Door) -> None:
    @router.get("/setup", response_model=SetupOut, responses=problems(404))
    async def show_setup(_actor: Actor = door.admin) -> SetupOut:
        """The first steps and how far each is; OpenRouter is asked whether the key works."""
        return SetupOut.of(await door.services().setup.steps())
