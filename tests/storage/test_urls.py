"""Database URLs: the spellings we take, and what we say about the rest."""

import pytest

from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.storage.database import is_sqlite, open_database
from mai_usage_ext.storage.urls import (
    PostgresTarget,
    SqliteTarget,
    parse_database_url,
    url_beside,
)

SETTING = "MAI_USAGE_DATABASE_URL"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/usage.db", "/var/lib/usage.db"),
        ("sqlite:///data/usage.db", "data/usage.db"),
        ("sqlite+aiosqlite:////var/usage.db", "/var/usage.db"),
        ("SQLite:////var/usage.db?check_same_thread=False", "/var/usage.db"),
    ],
)
def test_sqlite_urls(url: str, path: str) -> None:
    assert parse_database_url(url, setting=SETTING) == SqliteTarget(path)


@pytest.mark.parametrize(
    "scheme",
    [
        "postgres",
        "postgresql",
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgresql+asyncpg",
    ],
)
def test_postgres_spellings_mean_the_same(scheme: str) -> None:
    target = parse_database_url(f"{scheme}://ada:p%40ss@db.local:5433/usage", setting=SETTING)
    assert target == PostgresTarget(
        "usage", {"user": "ada", "password": "p@ss", "host": "db.local", "port": "5433"}
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sslmode=require", {"sslmode": "require"}),
        ("ssl=require", {"sslmode": "require"}),
        ("ssl=true", {"sslmode": "require"}),
        ("application_name=a%20b&connect_timeout=3", {"application_name": "a b"}),
    ],
)
def test_query_parameters_are_kept(query: str, expected: dict[str, str]) -> None:
    target = parse_database_url(f"postgresql://h/usage?{query}", setting=SETTING)
    assert isinstance(target, PostgresTarget)
    assert expected.items() <= target.parameters.items()


def test_unix_socket() -> None:
    target = parse_database_url("postgresql:///usage?host=/run/postgres", setting=SETTING)
    assert target == PostgresTarget("usage", {"host": "/run/postgres"})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "usage.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://relative.db",
        "sqlite+sqlcipher:///secret@/usage.db",
        "mysql://ada:secret@h/usage",
        "secret://h/usage",
        "postgresql://ada:secret@h",
        "postgresql://ada:secret@h/",
        "postgresql://ada:secret@h:port/usage",
        "postgresql://ada:secret%zz@h/usage",
        "postgresql://ada:secret@h/usage?no_such_parameter=1",
    ],
)
@pytest.mark.parametrize("setting", [SETTING, "DATABASE_URL"])
def test_what_cannot_be_used_names_the_setting_and_not_the_password(url: str, setting: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_database(url, setting=setting)
    message = str(caught.value)
    assert message.startswith(f"{setting} is ")
    assert "expected sqlite:////absolute/path.db" in message
    if not url.startswith("secret"):
        assert "secret" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_target_does_not_show_its_password() -> None:
    target = parse_database_url("postgresql://ada:secret@h/usage", setting=SETTING)
    assert "secret" not in repr(target)


def test_opening_does_no_io() -> None:
    assert is_sqlite(open_database("sqlite:////no/such/folder/usage.db"))
    assert not is_sqlite(open_database("postgresql://127.0.0.1:1/usage"))


@pytest.mark.parametrize(
    ("host_url", "ours"),
    [
        ("sqlite:////data/webui.db", "sqlite:////data/mai_usage.db"),
        ("sqlite+aiosqlite:///data/webui.db?timeout=5", "sqlite:///data/mai_usage.db"),
        ("postgresql+psycopg://u:p@h/webui", "postgresql+psycopg://u:p@h/webui"),
    ],
)
def test_our_tables_stay_out_of_the_hosts_sqlite_file(host_url: str, ours: str) -> None:
    assert url_beside(host_url, setting="DATABASE_URL") == ours


def test_a_host_database_we_cannot_live_beside() -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL is .*sqlite\+sqlcipher"):
        url_beside("sqlite+sqlcipher:///webui.db", setting="DATABASE_URL")
