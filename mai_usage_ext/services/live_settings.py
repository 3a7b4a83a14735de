"""Settings that an admin changes while everything runs: database, else environment, else default.

Every worker reads the table every two seconds, which is one SELECT of a handful of rows, and parses
it only when it is not what it was.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mai_usage_ext.errors import BadInput, ConfigurationError, Outdated, StorageUnavailable
from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.metering.money import RATE_ONE
from mai_usage_ext.ports import Actor, Clock, SettingStore, StoredSetting, UnitOfWork, Vault
from mai_usage_ext.services.audit import Audit, canonical
from mai_usage_ext.services.setting_values import (
    LIVE_SETTINGS,
    PROVISIONING_KEY,
    Effective,
    LiveSetting,
    masked_key,
)
from mai_usage_ext.settings import Settings

__all__ = ["Effective", "LiveSettings", "SettingsView"]

_BOUND_TO = f"usage_settings/{PROVISIONING_KEY}"
_ALLOW_LOSS = "allow_loss"
_WARN_EVERY_MS = 60_000
_NEEDS_REENTRY = (
    f"{PROVISIONING_KEY} needs re-entry: it was sealed with a key that is not in the ring any more"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """What an admin sees.

    ``values`` are as JSON has them: money as decimal strings of USD, the markup as a decimal
    string, the provisioning key masked. ``sources`` says for each name whether ``database``,
    ``environment`` or ``default`` holds. ``version`` names the stored rows, for ``If-Match``.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    version: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _State:
    rows: Mapping[str, StoredSetting]
    effective: Effective
    from_database: frozenset[str]
    problems: Mapping[str, str]  # what cannot be used, by the setting's name


class LiveSettings:
    """``current`` may be read by any thread at any time; a reload replaces it as a whole.

    Making one does no I/O: what the environment says holds until the first ``reload()``.
    ``organization_exists`` checks what assignment rules point at.
    """

    current: Effective

    def __init__(
        self,
        store: SettingStore,
        *,
        settings: Settings,
        vault: Vault,
        audit: Audit,
        unit_of_work: UnitOfWork,
        organization_exists: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._store = store
        self._base = Effective.of(settings)
        self._given = settings.given
        self._vault = vault
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._organization_exists = organization_exists
        self._clock = clock
        self._reading = threading.Lock()
        self._warned_at_ms = -_WARN_EVERY_MS
        self.current = self._base
        self._state = _State({}, self._base, frozenset(), {})

    def reload(self) -> bool:
        """Read the table; whether something else holds now. Raises nothing.

        While the database is away what was read last goes on.
        """
        with self._reading, shielded("reading the settings"):
            try:
                rows = _known(self._store.all())
            except StorageUnavailable as error:
                tally.warn("settings not read", f"the settings could not be read: {error}")
                return False
            if rows != self._state.rows:
                before = self.current
                self._state = self._read(rows, self._state)
                self.current = self._state.effective
                self._warn(is_new=True)
                return self.current != before
            self._warn(is_new=False)
        return False

    def view(self) -> SettingsView:
        """What holds now, read anew where the database answers."""
        self.reload()
        return self._view(self._state)

    def change(
        self, changes: Mapping[str, object], *, actor: Actor, version: str | None = None
    ) -> SettingsView:
        """Change all of them or nothing; ``None`` takes an override away.

        The masked key, as ``view()`` shows it, means that the key stays as it is. A markup below 1
        needs ``allow_loss: True`` among the changes. Raises ``ConfigurationError`` with a sentence
        for everything that is wrong, each beginning with the setting's name, and ``Outdated`` when
        ``version`` is not the present one.
        """
        with self._unit_of_work():
            self._store.lock()
            rows = _known(self._store.all())
            if version is not None and version != _version(rows):
                raise Outdated("somebody else has changed the settings since they were read")
            state = self._read(rows, self._state)
            wanted = self._checked(changes, state)
            if wanted:
                self._write(wanted, state, actor)
        self.reload()
        return self._view(self._state)

    def _read(self, rows: Mapping[str, StoredSetting], last: _State) -> _State:
        """What the rows make of it. A row that cannot be used leaves what held before."""
        values: dict[str, Any] = {}
        from_database: set[str] = set()
        problems: dict[str, str] = {}
        for name, row in rows.items():
            setting = LIVE_SETTINGS[name]
            try:
                values[setting.field] = self._stored(setting, row)
                from_database.add(name)
            except _NeedsReentry:
                # The admin chose this key over the environment's: no other may act in its place.
                values[setting.field] = None
                from_database.add(name)
                problems[name] = _NEEDS_REENTRY
            except BadInput as error:
                problems[name] = f"{error}; the row in the database is not used"
                if name in last.from_database:
                    values[setting.field] = getattr(last.effective, setting.field)
                    from_database.add(name)
        effective = replace(self._base, **values)
        return _State(rows, effective, frozenset(from_database), problems)

    def _stored(self, setting: LiveSetting, row: StoredSetting) -> Any:
        if not setting.is_secret:
            return setting.parsed(row.value)
        sealed = row.value if isinstance(row.value, str) else ""
        secret = self._vault.open(sealed, bound_to=_BOUND_TO)
        if secret is None:
            raise _NeedsReentry
        return secret

    def _checked(self, changes: Mapping[str, object], state: _State) -> dict[str, Any]:
        """What is to be different, parsed; ``None`` takes the row away."""
        wanted: dict[str, Any] = {}
        problems: list[str] = []
        allow_loss = changes.get(_ALLOW_LOSS, False)
        if not isinstance(allow_loss, bool):
            problems.append(f"{_ALLOW_LOSS} is {allow_loss!r}; expected true or false")
        for name, value in changes.items():
            if name == _ALLOW_LOSS:
                continue
            try:
                setting = _setting_of(name)
                parsed = None if value is None else self._parsed(setting, value, state)
                if _is_change(setting, parsed, state):
                    wanted[name] = parsed
                    self._check(setting, parsed, allow_loss=allow_loss is True)
            except BadInput as error:
                problems.append(str(error))
        problems += self._sealing_problems(wanted)
        if problems:
            raise ConfigurationError(*problems)
        return wanted

    def _parsed(self, setting: LiveSetting, value: object, state: _State) -> Any:
        held = getattr(state.effective, setting.field)
        if setting.is_secret and held is not None and value == masked_key(held):
            return held if setting.name in state.from_database else None
        return setting.parsed(value)

    def _check(self, setting: LiveSetting, value: Any, *, allow_loss: bool) -> None:
        if value is None:
            return
        if setting.name == "default_markup_rate" and value < RATE_ONE and not allow_loss:
            raise BadInput(
                setting.name,
                got=setting.show(value),
                expected="a rate of at least 1, or allow_loss: true beside it",
            )
        if setting.name == "assignment_rules":
            for organization_id in sorted({rule.organization_id for rule in value}):
                if not self._organization_exists(organization_id):
                    raise BadInput(
                        setting.name, got=organization_id, expected="ids of organizations there are"
                    )

    def _sealing_problems(self, wanted: Mapping[str, Any]) -> list[str]:
        if wanted.get(PROVISIONING_KEY) is None:
            return []
        try:
            self._vault.seal("a trial", bound_to=_BOUND_TO)
        except ConfigurationError as error:
            return [f"{PROVISIONING_KEY} cannot be sealed: {error}"]
        return []

    def _write(self, wanted: Mapping[str, Any], state: _State, actor: Actor) -> None:
        now_ms = self._clock.now_ms()
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for name, value in wanted.items():
            setting = LIVE_SETTINGS[name]
            held = getattr(state.effective, setting.field)
            if setting.is_secret:
                was_set = name in state.rows
                before[name] = "set" if was_set else None
                after[name] = "removed" if value is None else ("changed" if was_set else "set")
            else:
                before[name] = setting.show(held)
                base = getattr(self._base, setting.field)
                after[name] = setting.show(base if value is None else value)
            if value is None:
                self._store.remove(name)
            else:
                self._store.put(name, self._kept(setting, value), now_ms=now_ms, by=actor.id)
        self._audit.record(
            actor=actor,
            action="settings.changed",
            target_kind="settings",
            target_id="global",
            before=before,
            after=after,
        )

    def _kept(self, setting: LiveSetting, value: Any) -> Any:
        if setting.is_secret:
            return self._vault.seal(value, bound_to=_BOUND_TO)
        return setting.show(value)

    def _view(self, state: _State) -> SettingsView:
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for name, setting in LIVE_SETTINGS.items():
            values[name] = setting.show(getattr(state.effective, setting.field))
            if name in state.from_database:
                sources[name] = "database"
            else:
                sources[name] = "environment" if setting.field in self._given else "default"
        return SettingsView(
            values=values,
            sources=sources,
            version=_version(state.rows),
            problems=tuple(state.problems.values()),
        )

    def _warn(self, *, is_new: bool) -> None:
        """Once a minute for as long as a row cannot be used."""
        if not self._state.problems:
            return
        now_ms = self._clock.now_ms()
        if is_new or now_ms - self._warned_at_ms >= _WARN_EVERY_MS:
            self._warned_at_ms = now_ms
            tally.warn("settings not usable", "; ".join(self._state.problems.values()))


class _NeedsReentry(Exception):
    """No key of the ring opens what is stored."""


def _setting_of(name: str) -> LiveSetting:
    try:
        return LIVE_SETTINGS[name]
    except KeyError:
        known = ", ".join(LIVE_SETTINGS)
        raise BadInput(name, got="unknown", expected=f"one of {known}") from None


def _is_change(setting: LiveSetting, value: Any, state: _State) -> bool:
    if value is None:
        return setting.name in state.rows
    if setting.name in state.problems or setting.name not in state.rows:
        return True
    return bool(value != getattr(state.effective, setting.field))


def _known(rows: Mapping[str, StoredSetting]) -> dict[str, StoredSetting]:
    return {name: row for name, row in rows.items() if name in LIVE_SETTINGS}


def _version(rows: Mapping[str, StoredSetting]) -> str:
    stored = [[name, str(rows[name].value), rows[name].updated_at_ms] for name in sorted(rows)]
    return hashlib.sha256(canonical(stored).encode("utf-8", "surrogatepass")).hexdigest()[:16]
