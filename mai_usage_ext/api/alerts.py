"""The routes of alerts, their rules, and mutes."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset, RowId
from mai_usage_ext.api.schemas.alerts import (
    AlertAnswer,
    AlertsOut,
    AlertTestIn,
    AlertTestOut,
    HandleIn,
    MuteAnswer,
    MuteIn,
    MutesOut,
    RuleAnswer,
    RuleChangesIn,
    RuleIn,
    RulesOut,
)
from mai_usage_ext.api.schemas.values import Answer, ms_of
from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.alerts import AlertFilter, AlertState, Channel, Severity

__all__ = ["add_alert_routes"]

_Word = Annotated[str | None, Query(max_length=200)]


def add_alert_routes(router: APIRouter, door: Door) -> None:
    _add_rule_routes(router, door)
    _add_mute_routes(router, door)

    @router.get("/alerts", response_model=AlertsOut, responses=problems(404))
    def list_alerts(
        state: AlertState | None = None,
        kind: Annotated[_Word, Query(description="Such as limit.reached")] = None,
        client_id: _Word = None,
        severity: Severity | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> AlertsOut:
        """What rules have found, newest first."""
        wanted = AlertFilter(
            state=state, kind=kind or None, organization_id=client_id or None, severity=severity
        )
        alerts, total = door.services().alerts.alerts.page(wanted, offset=offset, limit=limit)
        return AlertsOut.of(alerts, total, offset=offset, limit=limit)

    @router.post(
        "/alerts/test",
        response_model=AlertTestOut,
        responses=problems(404, has_body=True),
        openapi_extra=body_of(AlertTestIn),
    )
    async def send_test(
        fields: dict[str, Any] = door.body(AlertTestIn), _actor: Actor = door.admin
    ) -> AlertTestOut:
        """Send a message that says it is a test, now, and say how each step went."""
        channel, address = Channel(fields["channel"]), fields.get("to")
        if channel is Channel.HOST and address is not None:
            raise BadInput("to", got=address, expected="nothing: the host tells its admins")
        return AlertTestOut.of(await door.services().alerts.notifications.test(channel, address))

    @router.post(
        "/alerts/{alert_id}/acknowledge",
        response_model=AlertAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(HandleIn),
    )
    def acknowledge(
        alert_id: RowId,
        fields: dict[str, Any] = door.body(HandleIn),
        actor: Actor = door.admin,
    ) -> AlertAnswer:
        """Say that somebody has taken it on."""
        handle = door.services().alerts.alerts.acknowledge
        alert = handle(alert_id, note=fields.get("note"), actor=actor)
        return AlertAnswer.of(alert, "The alert was acknowledged.")

    @router.post(
        "/alerts/{alert_id}/resolve",
        response_model=AlertAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(HandleIn),
    )
    def resolve(
        alert_id: RowId,
        fields: dict[str, Any] = door.body(HandleIn),
        actor: Actor = door.admin,
    ) -> AlertAnswer:
        """Say that it is over; most are resolved by themselves."""
        handle = door.services().alerts.alerts.resolve
        return AlertAnswer.of(
            handle(alert_id, note=fields.get("note"), actor=actor), "The alert was resolved."
        )


def _add_rule_routes(router: APIRouter, door: Door) -> None:
    @router.get("/alerts/rules", response_model=RulesOut, responses=problems(404))
    def list_rules(offset: Offset = 0, limit: Limit = 50, _actor: Actor = door.admin) -> RulesOut:
        """All rules, the built-in ones among them."""
        return RulesOut.of(door.services().alerts.rules.all(), offset=offset, limit=limit)

    @router.post(
        "/alerts/rules",
        status_code=201,
        response_model=RuleAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(RuleIn),
    )
    def create_rule(
        fields: dict[str, Any] = door.body(RuleIn), actor: Actor = door.admin
    ) -> RuleAnswer:
        """A rule for everybody, one organization or one user. Rules add up."""
        rule = door.services().alerts.rules.create(fields, actor=actor)
        return RuleAnswer.of(rule, "The rule was added.")

    @router.get("/alerts/rules/{rule_id}", response_model=RuleAnswer, responses=problems(404))
    def show_rule(rule_id: RowId, _actor: Actor = door.admin) -> RuleAnswer:
        """One rule."""
        return RuleAnswer.of(door.services().alerts.rules.get(rule_id))

    @router.patch(
        "/alerts/rules/{rule_id}",
        response_model=RuleAnswer,
        responses=problems(404, has_body=True),
        openapi_extra=body_of(RuleChangesIn),
    )
    def change_rule(
        rule_id: RowId,
        fields: dict[str, Any] = door.body(RuleChangesIn),
        actor: Actor = door.admin,
    ) -> RuleAnswer:
        """Change or disable a rule; what it is about stays."""
        rule = door.services().alerts.rules.change(rule_id, fields, actor=actor)
        return RuleAnswer.of(rule, "The rule was changed.")

    @router.delete("/alerts/rules/{rule_id}", response_model=Answer, responses=problems(404, 409))
    def remove_rule(rule_id: RowId, actor: Actor = door.admin) -> Answer:
        """Remove a rule that is not built in; its alerts stay."""
        door.services().alerts.rules.remove(rule_id, actor=actor)
        return Answer(message="The rule was removed.")


def _add_mute_routes(router: APIRouter, door: Door) -> None:
    @router.get("/alerts/mutes", response_model=MutesOut, responses=problems(404))
    def list_mutes(offset: Offset = 0, limit: Limit = 50, _actor: Actor = door.admin) -> MutesOut:
        """The mutes that have not ended."""
        return MutesOut.of(door.services().alerts.alerts.mutes(), offset=offset, limit=limit)

    @router.post(
        "/alerts/mutes",
        status_code=201,
        response_model=MuteAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(MuteIn),
    )
    def mute(fields: dict[str, Any] = door.body(MuteIn), actor: Actor = door.admin) -> MuteAnswer:
        """Until an instant, store and mark alerts, and send nothing but webhooks."""
        until_ms = ms_of(fields.pop("until"), field="until")
        made = door.services().alerts.alerts.mute(fields, until_ms=until_ms, actor=actor)
        return MuteAnswer.of(made, "Nothing is sent until then.")

    @router.delete("/alerts/mutes/{mute_id}", response_model=Answer, responses=problems(404))
    def unmute(mute_id: RowId, actor: Actor = door.admin) -> Answer:
        """Send again from now on."""
        door.services().alerts.alerts.unmute(mute_id, actor=actor)
        return Answer(message="The mute was taken away.")
