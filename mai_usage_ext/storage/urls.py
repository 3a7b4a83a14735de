"""Database URLs, in the spellings that SQLAlchemy hosts use, made into what peewee connects with.

No message made here repeats the URL: it holds a password.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from mai_usage_ext.errors import ConfigurationError

__all__ = ["PostgresTarget", "SqliteTarget", "parse_database_url", "url_beside"]

_OUR_FILE = "mai_usage.db"

_EXPECTED = (
    "sqlite:////absolute/path.db, sqlite:///relative/path.db "
    "or postgresql://user:password@host:5432/database"
)
_SQLITE_SCHEMES = frozenset({"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"})
_POSTGRES_SCHEMES = frozenset(
    {
        "postgres",
        "postgresql",
        "postgresql+asyncpg",
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgresql+psycopg_async",
    }
)
# asyncpg's URLs say ``ssl`` where libpq says ``sslmode``.
_SSL_MODES = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


@dataclass(frozen=True, slots=True)
class SqliteTarget:
    path: str


@dataclass(frozen=True, slots=True)
class PostgresTarget:
    """``parameters`` are libpq's, the password among them: never shown."""

    database: str
    parameters: dict[str, str] = field(repr=False)


def parse_database_url(url: str, *, setting: str) -> SqliteTarget | PostgresTarget:
    """What a database URL means. Raises ``ConfigurationError`` that names ``setting``."""
    scheme, found, rest = url.strip().partition("://")
    if not found:
        raise _wrong(setting, "no database URL")
    name = scheme.lower()
    if name in _SQLITE_SCHEMES:
        return _sqlite(rest, setting=setting)
    if name in _POSTGRES_SCHEMES:
        return _postgres(rest, setting=setting)
    raise _wrong(setting, f"a URL of a database that is not supported ({_shown(name)}://…)")


def url_beside(host_url: str, *, setting: str) -> str:
    """Where our tables live when only the host's database is known.

    In its PostgreSQL database, or in a SQLite file of our own beside its file. Never in that file:
    SQLite answers "database is locked", whatever the timeout, to a transaction that has read and
    then writes after somebody else committed. The host has many such, so that each commit of ours
    could fail a request of its; it did not even start reliably in a trial.
    """
    target = parse_database_url(host_url, setting=setting)
    if isinstance(target, PostgresTarget):
        return host_url
    return f"sqlite:///{Path(target.path).with_name(_OUR_FILE)}"


def _sqlite(rest: str, *, setting: str) -> SqliteTarget:
    location, _, _ = rest.partition("?")
    if not location.startswith("/"):
        raise _wrong(setting, "a SQLite URL without the third slash")
    path = location[1:]
    if path in ("", ":memory:"):
        raise _wrong(setting, "a SQLite URL without a file, which every thread would see empty")
    return SqliteTarget(path)


def _postgres(rest: str, *, setting: str) -> PostgresTarget:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = {
            key: str(value)
            for key, value in conninfo_to_dict("postgresql://" + _libpq_query(rest)).items()
            if value is not None
        }
    except (psycopg.Error, ValueError):
        # The driver's message quotes the URL, so it goes nowhere.
        raise _wrong(setting, "a PostgreSQL URL that the driver does not understand") from None
    database = parameters.pop("dbname", "")
    if not database:
        raise _wrong(setting, "a PostgreSQL URL without a database name")
    return PostgresTarget(database, parameters)


def _libpq_query(rest: str) -> str:
    location, _, query = rest.partition("?")
    pairs = [_libpq_pair(key, value) for key, value in parse_qsl(query, keep_blank_values=True)]
    # Splitting checks what libpq would take in silence, such as a port that is no number.
    _ = urlsplit("postgresql://" + location.rpartition(",")[2]).port
    # libpq decodes percent signs only; a plus would stay a plus.
    return location + ("?" + urlencode(pairs).replace("+", "%20") if pairs else "")


def _libpq_pair(key: str, value: str) -> tuple[str, str]:
    if key == "ssl":
        return "sslmode", _SSL_MODES.get(value.lower(), value)
    return key, value


def _shown(scheme: str) -> str:
    return scheme if len(scheme) <= 30 and scheme.replace("+", "").isalnum() else "…"


def _wrong(setting: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"{setting} is {what}; expected {_EXPECTED}")
