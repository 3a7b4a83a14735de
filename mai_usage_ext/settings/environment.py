"""Settings: read once from the environment, validated as a whole, and never changed afterwards.

A value that cannot be used is reported with every other one in a single ``ConfigurationError``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mai_usage_ext.errors import BadInput, ConfigurationError
from mai_usage_ext.settings.table import SETTINGS

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment said. Money in picodollars, rates in millionths, times in ms.

    ``given`` names the fields that it said itself; the others hold their defaults.
    """

    enabled: bool
    base_urls: tuple[str, ...]
    provisioning_key: SecretStr | None
    default_rate_micro: int
    billing_currency: str
    database_url: SecretStr | None
    default_organization: str | None
    time_zone: str
    on_start_failure: str
    default_hold_pusd: int
    hold_wait_ms: int
    queue_size: int
    lease_ms: int
    encryption_keys: tuple[SecretStr, ...]
    host_secret: SecretStr | None
    redis_url: SecretStr | None
    redis_sentinel_hosts: tuple[str, ...]
    redis_sentinel_port: int
    redis_cluster: bool
    redis_key_prefix: str
    alert_thresholds: tuple[int, ...]
    alert_emails: tuple[str, ...]
    smtp_url: SecretStr | None
    smtp_from: str
    rate_limit: int
    key_check_ms: int
    meter_httpx: bool
    meter_requests: bool
    otel: bool
    otel_disabled: bool
    seal_grace_ms: int
    ledger_days: int
    broadcast_secret: SecretStr | None
    metrics_token: SecretStr | None
    slow_query_ms: int
    webhook_allow: tuple[str, ...]
    webhook_http: bool
    webhook_source: str
    webhook_days: int
    export_folder: Path | None
    export_reports: tuple[str, ...]
    export_formats: tuple[str, ...]
    asset_url: str | None
    locales_dir: Path | None
    given: frozenset[str] = frozenset()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Parse every setting. Raises ``ConfigurationError`` that names each one that is wrong."""
        settings, problems = cls.read(environ)
        if problems:
            raise ConfigurationError(*problems)
        return settings

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> tuple["Settings", list[str]]:
        """The settings with defaults in place of wrong values, and a sentence for each of those.

        A host that is running already needs some answer even where a setting is wrong.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        given = {setting for setting in SETTINGS if environ.get(setting.name, "").strip()}
        for setting in SETTINGS:
            raw = environ.get(setting.name, "").strip() or setting.default
            try:
                values[setting.field] = setting.parse(raw)
            except (BadInput, ValueError):
                got = "a secret that cannot be used" if setting.is_secret else repr(raw)
                problems.append(f"{setting.name} is {got}; expected {setting.expected}")
                values[setting.field] = setting.parse(setting.default)
        names = frozenset(setting.field for setting in given)
        return cls(**values, given=names), problems + _unknown(environ)


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """A misspelt setting would silently not hold, which is worse than not starting."""
    known = {setting.name for setting in SETTINGS}
    return [
        f"{name} is not a setting; expected one of the variables in the README's table"
        for name in sorted(environ)
        if name.startswith("MAI_USAGE_") and name not in known
    ]


_FIELDS = {field.name for field in fields(Settings)} - {"given"}
if {setting.field for setting in SETTINGS} != _FIELDS:
    raise AssertionError("SETTINGS and Settings name different fields")
