"""The settings of what leaves the process beside chats: figures, events, files and pages."""

from mai_usage_ext.settings.parsers import (
    allowed_places,
    asset_url,
    folder,
    header_secret,
    several_of,
    switch,
    uri,
    whole,
)
from mai_usage_ext.settings.setting import Setting

__all__ = ["OUTLETS"]

_REPORTS = "daily, monthly, by-user, by-model, by-purpose, user-model, ledger, focus"

OUTLETS = (
    Setting(
        name="MAI_USAGE_METRICS_TOKEN",
        field="metrics_token",
        default="",
        expected="at least 16 printable ASCII characters without spaces",
        meaning="What Prometheus sends to `GET /metrics` as `Authorization: Bearer`. Empty: only "
        "admins may read it.",
        parse=header_secret,
        is_secret=True,
    ),
    Setting(
        name="MAI_USAGE_SLOW_QUERY_MS",
        field="slow_query_ms",
        default="100",
        expected="a whole number from 0 to 60000",
        meaning="A statement of ours that takes at least so long is listed by "
        "`GET /debug/slow-queries`.",
        parse=whole(0, 60_000),
    ),
    Setting(
        name="MAI_USAGE_WEBHOOK_ALLOW",
        field="webhook_allow",
        default="",
        expected="host names, addresses and networks such as hooks.lan,10.1.0.0/16",
        meaning="Where webhooks may be sent beside the public internet, separated by commas.",
        parse=allowed_places,
    ),
    Setting(
        name="MAI_USAGE_WEBHOOK_HTTP",
        field="webhook_http",
        default="false",
        expected="true or false",
        meaning="Webhooks may go to `http://` too, readable for whoever is on the way.",
        parse=switch,
    ),
    Setting(
        name="MAI_USAGE_WEBHOOK_SOURCE",
        field="webhook_source",
        default="urn:mai-usage",
        expected="a URI without spaces of at most 500 characters, such as https://chat.example.com",
        meaning="The `source` of webhooks' events: set it where several installations tell one "
        "receiver.",
        parse=uri,
    ),
    Setting(
        name="MAI_USAGE_WEBHOOK_DAYS",
        field="webhook_days",
        default="90",
        # What is told once a month must not be forgotten within it.
        expected="a whole number from 35 to 36500",
        meaning="How many days events and their deliveries are kept.",
        parse=whole(35, 36_500),
    ),
    Setting(
        name="MAI_USAGE_EXPORT_FOLDER",
        field="export_folder",
        default="",
        expected="an absolute path of a folder",
        meaning="Where the reports of each month are written once all of its days are sealed. "
        "Empty: nowhere.",
        parse=folder,
    ),
    Setting(
        name="MAI_USAGE_EXPORT_REPORTS",
        field="export_reports",
        default="daily,by-user,by-model,focus",
        expected=f"one or more of {_REPORTS}, separated by commas",
        meaning="Which reports these are: also `monthly`, `by-purpose`, `user-model`, `ledger`.",
        parse=several_of(*_REPORTS.split(", ")),
    ),
    Setting(
        name="MAI_USAGE_EXPORT_FORMATS",
        field="export_formats",
        default="csv",
        expected="one or more of csv, json, jsonl, xlsx, parquet, separated by commas",
        meaning="And their formats: also `json`, `jsonl`, `xlsx`, `parquet`.",
        parse=several_of("csv", "json", "jsonl", "xlsx", "parquet"),
    ),
    Setting(
        name="MAI_USAGE_ASSET_URL",
        field="asset_url",
        default="",
        expected="an https:// URL without credentials, query and fragment, such as "
        "https://cdn.example.com/usage/",
        meaning="Where browsers fetch the front end's files, say a CDN; `mai-usage assets` writes "
        "what belongs there. Empty: from the host itself.",
        parse=asset_url,
    ),
    Setting(
        name="MAI_USAGE_LOCALES_DIR",
        field="locales_dir",
        default="",
        expected="an absolute path of a folder",
        meaning="More languages for the front end: a folder of files such as `de.json`. English "
        "and Polish are built in.",
        parse=folder,
    ),
)
