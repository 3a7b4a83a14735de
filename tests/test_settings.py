"""Settings: each wrong one is named, with what it got and what would be right."""

import pytest

from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.settings import SETTINGS, Settings

BAD = {
    "ENABLE_MAI_USAGE_EXT": ["maybe"],
    "OPENROUTER_BASE_URL": [
        "openrouter.ai",
        "ftp://x/y",
        "https://",
        "http://x:99999/",
        "http://x:0",
    ],
    "OPENROUTER_PROVISIONING_KEY": ["two words", "schlüssel"],
    "DEFAULT_MARKUP_RATE": ["-1", "1,3", "NaN", "1.00000001", "2000", "1e99999999"],
    "BILLING_CURRENCY": ["usd", "EURO", "12"],
    "MAI_USAGE_DEFAULT_ORGANIZATION": ["x" * 201, "a\tb"],
    "MAI_USAGE_TIMEZONE": ["Mars/Phobos", "../../etc/passwd"],
    "MAI_USAGE_ON_START_FAILURE": ["maybe"],
    "MAI_USAGE_DEFAULT_HOLD": ["-1", "much", "9000001"],
    "MAI_USAGE_COMMIT_WAIT_MS": ["0", "1.5", "x"],
    "MAI_USAGE_QUEUE_SIZE": ["0", "1e6", "-5"],
    "MAI_USAGE_LEASE_SECONDS": ["0", "3601", "soon"],
    "MAI_USAGE_ENCRYPTION_KEYS": [
        "too-short",
        "long-enough-for-a-key,short",
        f"{'k' * 20},{'k' * 20}",
    ],
    "REDIS_URL": ["localhost", "http://x:6379/0", "redis://x:port/0", "redis://x/zero", "unix://"],
    "REDIS_SENTINEL_HOSTS": ["one:26379,two", "redis://one", "one two"],
    "REDIS_SENTINEL_PORT": ["0", "65536", "x"],
    "REDIS_CLUSTER": ["maybe", "1"],
    "REDIS_KEY_PREFIX": ["a\tb", "two words", "x" * 201],
    "MAI_USAGE_ALERT_THRESHOLDS": ["0", "101", "80;90", "1,2,3,4,5,6,7,8,9,10,11"],
    "MAI_USAGE_ALERT_EMAILS": ["ops", "a@b,c d@e", "a@b\nBcc: c@d", "ö@example.com", "a..b@c"],
    "MAI_USAGE_SMTP_URL": [
        "mail.example.com",
        "http://mail",
        "smtp://",
        "smtp://host:0",
        "smtp://host:port",
        "smtp+plain://user:password@host",
        "smtp://host/path",
    ],
    "MAI_USAGE_SMTP_FROM": ["alerts", "a@b, c@d", "A <a@b>", "a@b\r\nBcc: c@d"],
    "MAI_USAGE_RATE_LIMIT": ["0", "1000001", "10/minute"],
    "MAI_USAGE_KEY_CHECK_SECONDS": ["0", "86401", "often"],
    "MAI_USAGE_METER_HTTPX": ["maybe"],
    "MAI_USAGE_METER_REQUESTS": ["2"],
    "MAI_USAGE_OTEL": ["maybe"],
    "MAI_USAGE_SEAL_GRACE_MINUTES": ["-1", "1441", "soon"],
    "MAI_USAGE_BROADCAST_SECRET": ["fifteen letters", "schlüssel-schlüssel", "too-short"],
    "MAI_USAGE_METRICS_TOKEN": ["fifteen letters", "schlüssel-schlüssel", "too-short"],
    "MAI_USAGE_SLOW_QUERY_MS": ["-1", "60001", "fast"],
    "MAI_USAGE_WEBHOOK_ALLOW": ["https://x", "host:80", "10.0.0.1/8", "10.0", "a b", "::1/x"],
    "MAI_USAGE_WEBHOOK_HTTP": ["maybe"],
    "MAI_USAGE_WEBHOOK_SOURCE": ["two words", "x" * 501, "https://chät"],
    "MAI_USAGE_WEBHOOK_DAYS": ["34", "36501", "month"],
    "MAI_USAGE_LEDGER_DAYS": ["34", "36501", "month"],
    "MAI_USAGE_EXPORT_FOLDER": ["exports", "./exports", "~/exports"],
    "MAI_USAGE_EXPORT_REPORTS": ["daily,weekly", "daily,daily", "daily;focus"],
    "MAI_USAGE_EXPORT_FORMATS": ["pdf", "csv,,xlsx", "csv,csv"],
    "MAI_USAGE_ASSET_URL": [
        "cdn.example.com",
        "http://cdn.example.com/",
        "https://",
        "https://cdn:0/",
        "https://cdn:port/",
        "https://user:password@cdn/",
        "https://cdn/usage?v=1",
        "https://cdn/usage#x",
        "https://cdn/; script-src *",
        "https://cdn/'><script>",
    ],
    "MAI_USAGE_LOCALES_DIR": ["locales", "./locales", "~/locales"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env({name: value})
    [problem] = raised.value.problems
    setting = next(setting for setting in SETTINGS if setting.name == name)
    assert problem.startswith(f"{name} is ")
    assert problem.endswith(f"expected {setting.expected}")
    assert (repr(value) in problem) != setting.is_secret


def test_every_setting_that_can_be_wrong_has_its_bad_input() -> None:
    # Whether a URL can be used is for those to say who connect, and tested there; the host's secret
    # is whatever the host takes, and OpenTelemetry takes what it does not know for false.
    assert {setting.name for setting in SETTINGS} - set(BAD) == {
        "MAI_USAGE_DATABASE_URL",
        "OTEL_SDK_DISABLED",
        "WEBUI_SECRET_KEY",
    }


def test_all_problems_come_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env({"BILLING_CURRENCY": "x", "MAI_USAGE_QUEUE_SIZE": "y"})
    assert len(raised.value.problems) == 2


def test_a_misspelt_setting_does_not_hold_silently() -> None:
    with pytest.raises(ConfigurationError, match="MAI_USAGE_QUEU_SIZE is not a setting"):
        Settings.from_env({"MAI_USAGE_QUEU_SIZE": "5"})


def test_defaults() -> None:
    settings = Settings.from_env({})
    assert settings.enabled
    assert settings.base_urls == ("https://openrouter.ai/api/v1",)
    assert settings.default_rate_micro == 1_300_000
    assert settings.provisioning_key is None
    assert settings.default_organization == "Default"


def test_values() -> None:
    settings = Settings.from_env(
        {
            "OPENROUTER_BASE_URL": "http://127.0.0.1:8000/api/v1/; https://other/v1",
            "OPENROUTER_PROVISIONING_KEY": "sk-or-v1-secret",
            "MAI_USAGE_DEFAULT_ORGANIZATION": "off",
            "MAI_USAGE_LEASE_SECONDS": "2",
            "ENABLE_MAI_USAGE_EXT": "False",
        }
    )
    assert settings.base_urls == ("http://127.0.0.1:8000/api/v1", "https://other/v1")
    assert settings.default_organization is None
    assert settings.lease_ms == 2000
    assert settings.asset_url is None
    assert not settings.enabled
    assert "sk-or-v1-secret" not in repr(settings)


def test_reading_leniently_keeps_the_good_ones() -> None:
    settings, problems = Settings.read(
        {"MAI_USAGE_ON_START_FAILURE": "allow", "BILLING_CURRENCY": "x"}
    )
    assert settings.on_start_failure == "allow"
    assert settings.billing_currency == "USD"
    assert len(problems) == 1
