"""The prototype's global settings, put where nothing is set here."""

from collections.abc import Iterator

from mai_usage_ext.errors import BadInput, ConfigurationError
from mai_usage_ext.metering.money import rate_to_decimal
from mai_usage_ext.ports import Actor, LegacyRow, LegacySource
from mai_usage_ext.services.legacy_report import Result, RowReport
from mai_usage_ext.services.legacy_values import rate_of
from mai_usage_ext.services.live_settings import LiveSettings
from mai_usage_ext.services.setting_values import LIVE_SETTINGS

__all__ = ["SettingsImport"]

_TABLE = "global_settings"
_RATE = "default_markup_rate"
_NAMES = ("openrouter_provisioning_key", _RATE, "billing_currency")


class SettingsImport:
    """Each setting is a row of the report, because each may fail alone."""

    def __init__(self, source: LegacySource, settings: LiveSettings, *, actor: Actor) -> None:
        self._source = source
        self._settings = settings
        self._actor = actor

    def run(self) -> list[RowReport]:
        if _TABLE not in self._source.tables():
            return []
        return [report for row in self._source.rows(_TABLE) for report in self._row(row)]

    def _row(self, row: LegacyRow) -> Iterator[RowReport]:
        for name in _NAMES:
            value = row.get(name)
            if value is None or value == "":
                continue
            result, why = self._put(name, value)
            yield RowReport(
                table=_TABLE,
                id=f"{row.get('id')}/{name}",
                organization="",
                result=result,
                why=why,
            )

    def _put(self, name: str, value: object) -> tuple[Result, str]:
        """What is set here stays, by whomever it was set."""
        setting = LIVE_SETTINGS[name]
        source = self._settings.view().sources[name]
        try:
            given = f"{rate_to_decimal(rate_of(value, field=name)):f}" if name == _RATE else value
            parsed = setting.parsed(given)
            if parsed == getattr(self._settings.current, setting.field):
                return Result.UNCHANGED, ""
            if source != "default":
                return Result.SKIPPED, f"{name} is set here already, by the {source}"
            self._settings.change({name: given, "allow_loss": True}, actor=self._actor)
        except (BadInput, ConfigurationError) as error:
            return Result.BROKEN, str(error)
        return Result.IMPORTED, ""
