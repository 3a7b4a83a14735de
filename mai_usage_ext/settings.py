"""Settings: read once from the environment, validated as a whole, and never changed afterwards.

One table says everything about each: its variable, its default, what it means and what would be
right. The README holds the same table. A value that cannot be used is reported with
every other one in a single ``ConfigurationError``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from mai_usage_ext.errors import BadInput, ConfigurationError
from mai_usage_ext.metering.days import zone
from mai_usage_ext.metering.money import pusd_from_usd, rate_from_decimal

__all__ = ["SETTINGS", "Setting", "Settings"]


_SHORTEST_KEY = 16
_MOST_THRESHOLDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One variable: how it is parsed, and the sentence that says what would be right."""

    name: str
    field: str
    default: str
    expected: str
    meaning: str
    parse: Callable[[str], Any]
    is_secret: bool = False


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
    rate_limit: int
    key_check_ms: int
    meter_httpx: bool
    meter_requests: bool
    seal_grace_ms: int
    ledger_days: int
    broadcast_secret: SecretStr | None
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


def _switch(text: str) -> bool:
    values = {"true": True, "1": True, "yes": True, "on": True}
    values |= {"false": False, "0": False, "no": False, "off": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]


def _base_urls(text: str) -> tuple[str, ...]:
    urls = tuple(url.strip().rstrip("/") for url in text.split(";") if url.strip())
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError(url)
        if parts.port == 0:
            raise ValueError(url)
    if not urls:
        raise ValueError(text)
    return urls


def _secret(text: str) -> SecretStr | None:
    if not text:
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("not a key")
    return SecretStr(text)


def _header_secret(text: str) -> SecretStr | None:
    if text and len(text) < _SHORTEST_KEY:
        raise ValueError("too short")
    return _secret(text)


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError(text)
    return text


def _organization_name(text: str) -> str | None:
    if text.lower() in ("off", "false", "none"):
        return None
    if len(text) > 200 or not text.isprintable():
        raise ValueError(text)
    return text


def _zone_name(text: str) -> str:
    return zone(text).key


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(text)
        return text.lower()

    return parse


def _key_ring(text: str) -> tuple[SecretStr, ...]:
    """Keys separated by commas, newest first: each at least 16 characters long."""
    keys = [key.strip() for key in text.split(",")] if text else []
    if any(len(key) < _SHORTEST_KEY or not key.isprintable() for key in keys):
        raise ValueError("too short")
    if len(set(keys)) < len(keys):
        raise ValueError("the same key twice")
    return tuple(SecretStr(key) for key in keys)


def _thresholds(text: str) -> tuple[int, ...]:
    """Percentages, each once and in order; an empty list says that nobody is to be warned."""
    if text.lower() == "off":
        return ()
    marks = {int(mark) for mark in text.split(",")}
    if any(not 1 <= mark <= 100 for mark in marks) or len(marks) > _MOST_THRESHOLDS:
        raise ValueError(text)
    return tuple(sorted(marks))


def _redis_url(text: str) -> SecretStr | None:
    if not text:
        return None
    parts = urlsplit(text)
    is_socket = parts.scheme == "unix" and bool(parts.path)
    number = parts.path.removeprefix("/")
    is_server = parts.scheme in ("redis", "rediss") and (not number or number.isdecimal())
    # Looking at the port is what finds one that is no number.
    if not (is_socket or is_server) or parts.port == 0:
        raise ValueError("not a URL of Redis")
    return SecretStr(text)


def _host_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if any(name.count(":") == 1 or re.search(r"[\s/@]", name) for name in names):
        raise ValueError(text)
    return names


def _key_prefix(text: str) -> str:
    if len(text) > 200 or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def _any_secret(text: str) -> SecretStr | None:
    return SecretStr(text) if text else None


def _whole(low: int, high: int, *, scale: int = 1) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value * scale

    return parse


SETTINGS = (
    Setting(
        name="ENABLE_MAI_USAGE_EXT",
        field="enabled",
        default="true",
        expected="true or false",
        meaning="The flag: `false` makes `install()` a logged no-op.",
        parse=_switch,
    ),
    Setting(
        name="OPENROUTER_BASE_URL",
        field="base_urls",
        default="https://openrouter.ai/api/v1",
        expected="one or more http(s) URLs separated by ;",
        meaning="Metered base URLs, separated by `;`. The first one is also the management API.",
        parse=_base_urls,
    ),
    Setting(
        name="OPENROUTER_PROVISIONING_KEY",
        field="provisioning_key",
        default="",
        expected="an OpenRouter management key: printable ASCII without spaces",
        meaning="Management key: settles calls whose own key is gone after a restart.",
        parse=_secret,
        is_secret=True,
    ),
    Setting(
        name="DEFAULT_MARKUP_RATE",
        field="default_rate_micro",
        default="1.3",
        expected="a decimal number from 0 to 1000 such as 1.3",
        meaning="Copied into a pricing rule when an organization is made.",
        parse=rate_from_decimal,
    ),
    Setting(
        name="BILLING_CURRENCY",
        field="billing_currency",
        default="USD",
        expected="a three-letter ISO 4217 code such as USD",
        meaning="Currency of statements for new organizations; limits stay in USD.",
        parse=_currency,
    ),
    Setting(
        name="MAI_USAGE_DATABASE_URL",
        field="database_url",
        default="",
        expected="sqlite:///path or postgresql://user:password@host/name",
        meaning="Where our tables live. Empty: the host's PostgreSQL, or `mai_usage.db` "
        "beside its SQLite file.",
        parse=_any_secret,
        is_secret=True,
    ),
    Setting(
        name="MAI_USAGE_DEFAULT_ORGANIZATION",
        field="default_organization",
        default="Default",
        expected="a name of at most 200 characters, or off",
        meaning="Organization of users nobody has mapped. `off`: metered under `unassigned`.",
        parse=_organization_name,
    ),
    Setting(
        name="MAI_USAGE_TIMEZONE",
        field="time_zone",
        default="UTC",
        expected="an IANA zone such as Europe/Warsaw",
        meaning="Time zone of the default organization, and of new ones.",
        parse=_zone_name,
    ),
    Setting(
        name="MAI_USAGE_ON_START_FAILURE",
        field="on_start_failure",
        default="block",
        expected="block or allow",
        meaning="What metered calls do when the meter could not start inside a running host.",
        parse=_one_of("block", "allow"),
    ),
    Setting(
        name="MAI_USAGE_DEFAULT_HOLD",
        field="default_hold_pusd",
        default="0.05",
        expected="an amount of USD such as 0.05",
        meaning="USD held for a call whose model has no usable price.",
        parse=pusd_from_usd,
    ),
    Setting(
        name="MAI_USAGE_COMMIT_WAIT_MS",
        field="hold_wait_ms",
        default="250",
        expected="a whole number from 1 to 60000",
        meaning="How long a chat waits for a commit before it goes on without; eight times as long "
        "where it may not.",
        parse=_whole(1, 60_000),
    ),
    Setting(
        name="MAI_USAGE_QUEUE_SIZE",
        field="queue_size",
        default="10000",
        expected="a whole number from 1 to 1000000",
        meaning="Changes in memory at which new holds are refused; what calls already let in have "
        "to say finds room up to four times as much.",
        parse=_whole(1, 1_000_000),
    ),
    Setting(
        name="MAI_USAGE_LEASE_SECONDS",
        field="lease_ms",
        default="15",
        expected="a whole number from 1 to 3600",
        meaning="After this long without a heartbeat a process counts as dead.",
        parse=_whole(1, 3_600, scale=1000),
    ),
    Setting(
        name="MAI_USAGE_ENCRYPTION_KEYS",
        field="encryption_keys",
        default="",
        expected="one or more different keys of at least 16 characters, separated by commas",
        meaning="Key ring that seals secrets in the database, newest first. Empty: one is derived "
        "from `WEBUI_SECRET_KEY`.",
        parse=_key_ring,
        is_secret=True,
    ),
    Setting(
        name="WEBUI_SECRET_KEY",
        field="host_secret",
        default="",
        expected="the host's own secret",
        meaning="The host's own; only read, to derive a key from where no ring is given.",
        parse=_any_secret,
        is_secret=True,
    ),
    Setting(
        name="REDIS_URL",
        field="redis_url",
        default="",
        expected="redis://user:password@host:6379/0, the same with rediss://, or unix:///path",
        meaning="The host's own. Processes tell each other of changes through it, and count "
        "requests together. Needs `mai-usage-ext[redis]`.",
        parse=_redis_url,
        is_secret=True,
    ),
    Setting(
        name="REDIS_SENTINEL_HOSTS",
        field="redis_sentinel_hosts",
        default="",
        expected="host names separated by commas, without ports",
        meaning="The host's own. Sentinels that know the master which `REDIS_URL` names.",
        parse=_host_names,
    ),
    Setting(
        name="REDIS_SENTINEL_PORT",
        field="redis_sentinel_port",
        default="26379",
        expected="a whole number from 1 to 65535",
        meaning="The host's own. The port of those sentinels.",
        parse=_whole(1, 65_535),
    ),
    Setting(
        name="REDIS_CLUSTER",
        field="redis_cluster",
        default="false",
        # The host takes everything but `true` for false, which whoever wrote "yes" did not mean.
        expected="true or false",
        meaning="The host's own. `REDIS_URL` is one server of a cluster.",
        parse=lambda text: _one_of("true", "false")(text) == "true",
    ),
    Setting(
        name="REDIS_KEY_PREFIX",
        field="redis_key_prefix",
        default="open-webui",
        expected="at most 200 printable characters without spaces",
        meaning="The host's own. What we keep in Redis begins with it and `:mai_usage:`.",
        parse=_key_prefix,
    ),
    Setting(
        name="MAI_USAGE_ALERT_THRESHOLDS",
        field="alert_thresholds",
        default="80,90,100",
        expected="up to ten whole percentages from 1 to 100, separated by commas, or off",
        meaning="Percentages of a monthly limit at which an event is stored.",
        parse=_thresholds,
    ),
    Setting(
        name="MAI_USAGE_RATE_LIMIT",
        field="rate_limit",
        default="600",
        expected="a whole number from 1 to 1000000",
        meaning="Requests a minute to the routes of this extension, for each user or address.",
        parse=_whole(1, 1_000_000),
    ),
    Setting(
        name="MAI_USAGE_KEY_CHECK_SECONDS",
        field="key_check_ms",
        default="300",
        expected="a whole number from 1 to 86400",
        meaning="How often organizations' keys are compared with OpenRouter's and repaired.",
        parse=_whole(1, 86_400, scale=1000),
    ),
    Setting(
        name="MAI_USAGE_METER_HTTPX",
        field="meter_httpx",
        default="true",
        expected="true or false",
        meaning="Meter calls of pipes and tools through `httpx`, `httpx2` and the `openai` "
        "package, where installed.",
        parse=_switch,
    ),
    Setting(
        name="MAI_USAGE_METER_REQUESTS",
        field="meter_requests",
        default="true",
        expected="true or false",
        meaning="Meter calls of pipes and retrieval through `requests` and `urllib3`, where "
        "installed.",
        parse=_switch,
    ),
    Setting(
        name="MAI_USAGE_SEAL_GRACE_MINUTES",
        field="seal_grace_ms",
        default="30",
        expected="a whole number from 0 to 1440",
        meaning="How long after an organization's midnight its day is sealed.",
        parse=_whole(0, 1_440, scale=60_000),
    ),
    Setting(
        name="MAI_USAGE_LEDGER_DAYS",
        field="ledger_days",
        default="35",
        # The month that is not billed yet, and the days that can still be compared with OpenRouter.
        expected="a whole number from 35 to 36500",
        meaning="How many days before today every single call is kept; the daily figures stay.",
        parse=_whole(35, 36_500),
    ),
    Setting(
        name="MAI_USAGE_BROADCAST_SECRET",
        field="broadcast_secret",
        default="",
        expected="at least 16 printable ASCII characters without spaces",
        meaning="What OpenRouter's Broadcast webhook sends as `X-Broadcast-Secret`. Empty: the "
        "route answers 403.",
        parse=_header_secret,
        is_secret=True,
    ),
)

_FIELDS = {field.name for field in fields(Settings)} - {"given"}
if {setting.field for setting in SETTINGS} != _FIELDS:
    raise AssertionError("SETTINGS and Settings name different fields")
