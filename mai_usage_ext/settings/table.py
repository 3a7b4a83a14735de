"""The one table that says everything about each setting: its variable, its default, what it means
and what would be right. The README holds the same table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.metering.money import pusd_from_usd, rate_from_decimal
from mai_usage_ext.settings.parsers import (
    any_secret,
    base_urls,
    currency,
    header_secret,
    host_names,
    key_prefix,
    key_ring,
    one_of,
    organization_name,
    redis_url,
    secret,
    switch,
    thresholds,
    whole,
    zone_name,
)

__all__ = ["SETTINGS", "Setting"]


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


SETTINGS = (
    Setting(
        name="ENABLE_MAI_USAGE_EXT",
        field="enabled",
        default="true",
        expected="true or false",
        meaning="The flag: `false` makes `install()` a logged no-op.",
        parse=switch,
    ),
    Setting(
        name="OPENROUTER_BASE_URL",
        field="base_urls",
        default="https://openrouter.ai/api/v1",
        expected="one or more http(s) URLs separated by ;",
        meaning="Metered base URLs, separated by `;`. The first one is also the management API.",
        parse=base_urls,
    ),
    Setting(
        name="OPENROUTER_PROVISIONING_KEY",
        field="provisioning_key",
        default="",
        expected="an OpenRouter management key: printable ASCII without spaces",
        meaning="Management key: makes and limits the organizations' keys, and settles calls whose "
        "own key is gone.",
        parse=secret,
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
        parse=currency,
    ),
    Setting(
        name="MAI_USAGE_DATABASE_URL",
        field="database_url",
        default="",
        expected="sqlite:///path or postgresql://user:password@host/name",
        meaning="Where our tables live. Empty: the host's PostgreSQL, or `mai_usage.db` "
        "beside its SQLite file.",
        parse=any_secret,
        is_secret=True,
    ),
    Setting(
        name="MAI_USAGE_DEFAULT_ORGANIZATION",
        field="default_organization",
        default="Default",
        expected="a name of at most 200 characters, or off",
        meaning="Organization of users nobody has mapped. `off`: metered under `unassigned`.",
        parse=organization_name,
    ),
    Setting(
        name="MAI_USAGE_TIMEZONE",
        field="time_zone",
        default="UTC",
        expected="an IANA zone such as Europe/Warsaw",
        meaning="Time zone of the default organization, and of new ones.",
        parse=zone_name,
    ),
    Setting(
        name="MAI_USAGE_ON_START_FAILURE",
        field="on_start_failure",
        default="block",
        expected="block or allow",
        meaning="What metered calls do when the meter could not start inside a running host.",
        parse=one_of("block", "allow"),
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
        parse=whole(1, 60_000),
    ),
    Setting(
        name="MAI_USAGE_QUEUE_SIZE",
        field="queue_size",
        default="10000",
        expected="a whole number from 1 to 1000000",
        meaning="Changes in memory at which new holds are refused; what calls already let in have "
        "to say finds room up to four times as much.",
        parse=whole(1, 1_000_000),
    ),
    Setting(
        name="MAI_USAGE_LEASE_SECONDS",
        field="lease_ms",
        default="15",
        expected="a whole number from 1 to 3600",
        meaning="After this long without a heartbeat a process counts as dead.",
        parse=whole(1, 3_600, scale=1000),
    ),
    Setting(
        name="MAI_USAGE_ENCRYPTION_KEYS",
        field="encryption_keys",
        default="",
        expected="one or more different keys of at least 16 characters, separated by commas",
        meaning="Key ring that seals secrets in the database, newest first. Empty: one is derived "
        "from `WEBUI_SECRET_KEY`.",
        parse=key_ring,
        is_secret=True,
    ),
    Setting(
        name="WEBUI_SECRET_KEY",
        field="host_secret",
        default="",
        expected="the host's own secret",
        meaning="The host's own; only read, to derive a key from where no ring is given.",
        parse=any_secret,
        is_secret=True,
    ),
    Setting(
        name="REDIS_URL",
        field="redis_url",
        default="",
        expected="redis://user:password@host:6379/0, the same with rediss://, or unix:///path",
        meaning="The host's own. Processes tell each other of changes through it, and count "
        "requests together. Needs `mai-usage-ext[redis]`.",
        parse=redis_url,
        is_secret=True,
    ),
    Setting(
        name="REDIS_SENTINEL_HOSTS",
        field="redis_sentinel_hosts",
        default="",
        expected="host names separated by commas, without ports",
        meaning="The host's own. Sentinels that know the master which `REDIS_URL` names.",
        parse=host_names,
    ),
    Setting(
        name="REDIS_SENTINEL_PORT",
        field="redis_sentinel_port",
        default="26379",
        expected="a whole number from 1 to 65535",
        meaning="The host's own. The port of those sentinels.",
        parse=whole(1, 65_535),
    ),
    Setting(
        name="REDIS_CLUSTER",
        field="redis_cluster",
        default="false",
        # The host takes everything but `true` for false, which whoever wrote "yes" did not mean.
        expected="true or false",
        meaning="The host's own. `REDIS_URL` is one server of a cluster.",
        parse=lambda text: one_of("true", "false")(text) == "true",
    ),
    Setting(
        name="REDIS_KEY_PREFIX",
        field="redis_key_prefix",
        default="open-webui",
        expected="at most 200 printable characters without spaces",
        meaning="The host's own. What we keep in Redis begins with it and `:mai_usage:`.",
        parse=key_prefix,
    ),
    Setting(
        name="MAI_USAGE_ALERT_THRESHOLDS",
        field="alert_thresholds",
        default="80,90,100",
        expected="up to ten whole percentages from 1 to 100, separated by commas, or off",
        meaning="Percentages of a monthly limit at which an event is stored.",
        parse=thresholds,
    ),
    Setting(
        name="MAI_USAGE_RATE_LIMIT",
        field="rate_limit",
        default="600",
        expected="a whole number from 1 to 1000000",
        meaning="Requests a minute to the routes of this extension, for each user or address.",
        parse=whole(1, 1_000_000),
    ),
    Setting(
        name="MAI_USAGE_KEY_CHECK_SECONDS",
        field="key_check_ms",
        default="300",
        expected="a whole number from 1 to 86400",
        meaning="How often organizations' keys are compared with OpenRouter's and repaired.",
        parse=whole(1, 86_400, scale=1000),
    ),
    Setting(
        name="MAI_USAGE_METER_HTTPX",
        field="meter_httpx",
        default="true",
        expected="true or false",
        meaning="Meter calls of pipes and tools through `httpx`, `httpx2` and the `openai` "
        "package, where installed.",
        parse=switch,
    ),
    Setting(
        name="MAI_USAGE_METER_REQUESTS",
        field="meter_requests",
        default="true",
        expected="true or false",
        meaning="Meter calls of pipes and retrieval through `requests` and `urllib3`, where "
        "installed.",
        parse=switch,
    ),
    Setting(
        name="MAI_USAGE_SEAL_GRACE_MINUTES",
        field="seal_grace_ms",
        default="30",
        expected="a whole number from 0 to 1440",
        meaning="How long after an organization's midnight its day is sealed.",
        parse=whole(0, 1_440, scale=60_000),
    ),
    Setting(
        name="MAI_USAGE_LEDGER_DAYS",
        field="ledger_days",
        default="35",
        # The month that is not billed yet, and the days that can still be compared with OpenRouter.
        expected="a whole number from 35 to 36500",
        meaning="How many days before today every single call is kept; the daily figures stay.",
        parse=whole(35, 36_500),
    ),
    Setting(
        name="MAI_USAGE_BROADCAST_SECRET",
        field="broadcast_secret",
        default="",
        expected="at least 16 printable ASCII characters without spaces",
        meaning="What OpenRouter's Broadcast webhook sends as `X-Broadcast-Secret`. Empty: the "
        "route answers 403.",
        parse=header_secret,
        is_secret=True,
    ),
)
