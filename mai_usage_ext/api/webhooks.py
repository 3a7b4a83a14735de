"""The routes of webhooks. A secret is answered once, when it is made."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset, RowId
from mai_usage_ext.api.schemas.values import Answer, ms_of
from mai_usage_ext.api.schemas.webhooks import (
    DeliveriesOut,
    DeliveryAnswer,
    ReplayAnswer,
    ReplayIn,
    WebhookAnswer,
    WebhookChange,
    WebhookIn,
    WebhookSecretAnswer,
    WebhooksOut,
)
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.webhooks import DeliveryFilter, DeliveryState

__all__ = ["add_webhook_routes"]

_ONE = "/webhooks/{webhook_id}"
_When = Annotated[str | None, Query(max_length=40, description="A UTC date, or an instant")]
_Word = Annotated[str | None, Query(max_length=200, description="A type of events")]
_Hours = Annotated[int, Query(ge=0, le=168, description="How long the present secret signs too")]


def add_webhook_routes(router: APIRouter, door: Door) -> None:
    _add_changes(router, door)
    _add_deliveries(router, door)

    @router.get("/webhooks", response_model=WebhooksOut, responses=problems(404))
    def list_webhooks(
        offset: Offset = 0, limit: Limit = 50, _actor: Actor = door.admin
    ) -> WebhooksOut:
        """Everybody who is told of events, and how that goes."""
        found, total = door.services().webhooks.page(offset=offset, limit=limit)
        return WebhooksOut.of(found, total, offset=offset, limit=limit)

    @router.get(_ONE, response_model=WebhookAnswer, responses=problems(404))
    def show_webhook(webhook_id: str, _actor: Actor = door.admin) -> WebhookAnswer:
        """One webhook."""
        return WebhookAnswer.of(door.services().webhooks.get(webhook_id))


def _add_changes(router: APIRouter, door: Door) -> None:
    @router.post(
        "/webhooks",
        status_code=201,
        response_model=WebhookSecretAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(WebhookIn),
    )
    def create_webhook(
        fields: dict[str, Any] = door.body(WebhookIn), actor: Actor = door.admin
    ) -> WebhookSecretAnswer:
        """Tell a URL of events from now on. The secret in the answer is never shown again."""
        made = door.services().webhooks.create(fields, actor=actor)
        return WebhookSecretAnswer.made(made, "The webhook was made. Keep its secret now.")

    @router.patch(
        _ONE,
        response_model=WebhookAnswer,
        responses=problems(404, has_body=True),
        openapi_extra=body_of(WebhookChange),
    )
    def change_webhook(
        webhook_id: str,
        fields: dict[str, Any] = door.body(WebhookChange),
        actor: Actor = door.admin,
    ) -> WebhookAnswer:
        """Change what the body names. Disabled, it hears of nothing; what it missed can be
        replayed once it is enabled again."""
        changed = door.services().webhooks.change(webhook_id, fields, actor=actor)
        return WebhookAnswer.of(changed, "The webhook was changed.")

    @router.delete(_ONE, response_model=Answer, responses=problems(404))
    def delete_webhook(webhook_id: str, actor: Actor = door.admin) -> Answer:
        """Take it away, with its deliveries."""
        door.services().webhooks.delete(webhook_id, actor=actor)
        return Answer(message="The webhook was deleted.")

    @router.post(
        f"{_ONE}/rotate-secret", response_model=WebhookSecretAnswer, responses=problems(404, 409)
    )
    def rotate_webhook_secret(
        webhook_id: str, overlap_hours: _Hours = 24, actor: Actor = door.admin
    ) -> WebhookSecretAnswer:
        """A new secret, shown this once; until the overlap ends both sign each event."""
        made = door.services().webhooks.rotate_secret(
            webhook_id, overlap_hours=overlap_hours, actor=actor
        )
        return WebhookSecretAnswer.made(made, "The secret was replaced. Keep the new one now.")


def _add_deliveries(router: APIRouter, door: Door) -> None:
    @router.post(f"{_ONE}/test", response_model=DeliveryAnswer, responses=problems(404))
    async def ping_webhook(webhook_id: str, _actor: Actor = door.admin) -> DeliveryAnswer:
        """Send a `webhook.ping` now, once, and say what came of it."""
        return DeliveryAnswer.tested(await door.services().deliveries.ping(webhook_id))

    @router.get(f"{_ONE}/deliveries", response_model=DeliveriesOut, responses=problems(404))
    def list_deliveries(
        webhook_id: str,
        state: DeliveryState | None = None,
        event: _Word = None,
        since: Annotated[_When, Query(alias="from")] = None,
        until: Annotated[_When, Query(alias="to")] = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> DeliveriesOut:
        """What was, is and will be sent, newest first. A date as `to` is included."""
        wanted = DeliveryFilter(
            state=state,
            kind=event or None,
            from_ms=ms_of(since, field="from") if since else None,
            until_ms=ms_of(until, field="to", is_end=True) if until else None,
        )
        found, total = door.services().webhooks.deliveries(
            webhook_id, wanted, offset=offset, limit=limit
        )
        return DeliveriesOut.of(found, total, offset=offset, limit=limit)

    @router.post(
        "/webhooks/deliveries/{delivery_id}/replay",
        status_code=201,
        response_model=DeliveryAnswer,
        responses=problems(404, 409),
    )
    def replay_delivery(delivery_id: RowId, actor: Actor = door.admin) -> DeliveryAnswer:
        """Send the same event again, with the same id, as a new delivery."""
        again = door.services().webhooks.replay(delivery_id, actor=actor)
        return DeliveryAnswer.of(again, "The delivery begins again.")

    @router.post(
        f"{_ONE}/replay",
        response_model=ReplayAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(ReplayIn),
    )
    def replay_undelivered(
        webhook_id: str,
        fields: dict[str, Any] = door.body(ReplayIn),
        actor: Actor = door.admin,
    ) -> ReplayAnswer:
        """Send everything again that failed or was given up since an instant."""
        since_ms = ms_of(fields["since"], field="since")
        count = door.services().webhooks.replay_undelivered(
            webhook_id, since_ms=since_ms, actor=actor
        )
        return ReplayAnswer.of(count)
