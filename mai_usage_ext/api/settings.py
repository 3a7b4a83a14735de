"""The routes of the settings that the database holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.api.schemas.settings import SettingsAnswer, SettingsIn
from mai_usage_ext.api.versions import etag, wanted_tag
from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.ports import Actor
from mai_usage_ext.services.live_settings import SettingsView

__all__ = ["add_setting_routes"]


def add_setting_routes(router: APIRouter, door: Door) -> None:
    @router.get("/settings", response_model=SettingsAnswer, responses=problems(404))
    def show_settings(response: Response, _actor: Actor = door.admin) -> SettingsAnswer:
        """What holds now and where each value came from; secrets are masked."""
        return _answer(response, door.services().live_settings.view())

    @router.post(
        "/settings",
        response_model=SettingsAnswer,
        responses=problems(404, 409, 412, has_body=True),
        openapi_extra=body_of(SettingsIn),
    )
    def change_settings(
        response: Response,
        if_match: Annotated[str | None, Header(description="The `ETag` that was read")] = None,
        fields: dict[str, Any] = door.body(SettingsIn),
        actor: Actor = door.admin,
    ) -> SettingsAnswer:
        """Override what the body names, all of it or nothing; null takes an override away."""
        found, version = door.services(), wanted_tag(if_match)
        try:
            view = found.live_settings.change(fields, actor=actor, version=version)
        except ConfigurationError as error:
            raise _of_the_fields(error) from None
        found.directory.forget()
        return _answer(response, view, "The settings were changed.")


def _of_the_fields(error: ConfigurationError) -> Rejected:
    """Each sentence begins with the name of its setting."""
    errors = [{"field": text.partition(" ")[0], "message": text} for text in error.problems]
    return Rejected(422, "A value cannot be used", str(error), errors=errors)


def _answer(response: Response, view: SettingsView, message: str = "") -> SettingsAnswer:
    response.headers["ETag"] = etag(view.version)
    return SettingsAnswer.of(view, message)
