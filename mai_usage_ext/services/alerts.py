"""Alerts as admins handle them: read, acknowledged, resolved, muted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.ports import Actor, Clock, UnitOfWork
from mai_usage_ext.ports.alerts import (
    Alert,
    AlertFilter,
    AlertState,
    AlertStore,
    Mute,
    MuteStore,
)
from mai_usage_ext.services.alert_rules import AlertRules
from mai_usage_ext.services.audit import Audit

__all__ = ["Alerts"]

_LONGEST_NOTE = 2_000
_LONGEST_MUTE_MS = 366 * 86_400_000
_MOST_MUTES = 1_000


class Alerts:
    def __init__(
        self,
        store: AlertStore,
        mutes: MuteStore,
        rules: AlertRules,
        *,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._mutes = mutes
        self._rules = rules
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def page(self, wanted: AlertFilter, *, offset: int, limit: int) -> tuple[Sequence[Alert], int]:
        """Newest first, and how many there are in all."""
        return self._store.page(wanted, offset=offset, limit=limit)

    def acknowledge(self, alert_id: int, *, note: object, actor: Actor) -> Alert:
        """Somebody takes it on. Raises ``NotFound``, ``Conflict`` for a resolved one."""
        return self._change(alert_id, AlertState.ACKNOWLEDGED, note, actor)

    def resolve(self, alert_id: int, *, note: object, actor: Actor) -> Alert:
        """A person says that it is over. Raises ``NotFound``, ``Conflict`` for a resolved one."""
        return self._change(alert_id, AlertState.RESOLVED, note, actor)

    def mutes(self) -> Sequence[Mute]:
        """Those that have not ended, the latest end first."""
        now_ms = self._clock.now_ms()
        return [mute for mute in self._mutes.all() if mute.until_ms > now_ms]

    def mute(self, fields: Mapping[str, object], *, until_ms: int, actor: Actor) -> Mute:
        """Send nothing of a rule or an organization for a while. Raises ``BadInput``."""
        now_ms = self._clock.now_ms()
        if not now_ms < until_ms <= now_ms + _LONGEST_MUTE_MS:
            raise BadInput("until", got=until_ms, expected="an instant within a year from now")
        rule_id, organization_id = fields.get("rule_id"), fields.get("client_id")
        if rule_id is None and organization_id is None:
            raise BadInput("rule_id", got=None, expected="a rule_id, a client_id, or both")
        if rule_id is not None:
            rule_id = self._known_rule(rule_id)
        if organization_id is not None:
            organization_id = self._rules.known_organization(organization_id)
        mute = Mute(
            rule_id=rule_id,
            organization_id=organization_id,
            until_ms=until_ms,
            note=_note(fields.get("note")) or "",
            created_at_ms=now_ms,
            created_by=actor.id,
        )
        with self._unit_of_work():
            if len(self._mutes.all()) >= _MOST_MUTES:
                raise Conflict(f"there are {_MOST_MUTES} mutes already")
            mute = replace(mute, id=self._mutes.add(mute))
            self._record(actor, "alert.muted", "alert_mute", mute.id, after=_shown(mute))
        return mute

    def unmute(self, mute_id: int, *, actor: Actor) -> None:
        """Raises ``NotFound``."""
        with self._unit_of_work():
            mute = self._mutes.remove(mute_id)
            if mute is None:
                raise NotFound(f"there is no mute {mute_id}")
            self._record(actor, "alert.unmuted", "alert_mute", mute_id, before=_shown(mute))

    def _known_rule(self, rule_id: object) -> int:
        try:
            if isinstance(rule_id, int):
                return self._rules.get(rule_id).id
        except NotFound:
            pass
        raise BadInput("rule_id", got=rule_id, expected="the id of a rule that exists")

    def _change(self, alert_id: int, state: AlertState, note: object, actor: Actor) -> Alert:
        text = _note(note)
        with self._unit_of_work():
            before = self._store.get(alert_id)
            if before is None:
                raise NotFound(f"there is no alert {alert_id}")
            now_ms = self._clock.now_ms()
            if not self._store.change(alert_id, state, by=actor.id, note=text, now_ms=now_ms):
                raise Conflict("the alert is resolved already")
            self._record(
                actor,
                f"alert.{state.value}",
                "alert",
                alert_id,
                before={"state": before.state.value, "note": before.note},
                after={
                    "state": state.value,
                    "note": before.note if text is None else text,
                },
            )
            after = self._store.get(alert_id)
        assert after is not None  # noqa: S101 - it was changed in this transaction
        return after

    def _record(
        self,
        actor: Actor,
        action: str,
        target_kind: str,
        target_id: int,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        self._audit.record(
            actor=actor,
            action=action,
            target_kind=target_kind,
            target_id=str(target_id),
            before=before,
            after=after,
        )


def _note(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_NOTE:
        raise BadInput("note", got=value, expected=f"a text of at most {_LONGEST_NOTE} characters")
    return value.strip()


def _shown(mute: Mute) -> Mapping[str, object]:
    return {
        "rule_id": mute.rule_id,
        "client_id": mute.organization_id,
        "until_ms": mute.until_ms,
        "note": mute.note,
    }
