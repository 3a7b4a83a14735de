"""What a setting's text means. Each raises ``ValueError`` for what it cannot use; the table has the
sentence that says what would be right."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from mai_usage_ext.metering.days import zone

__all__ = [
    "address",
    "addresses",
    "allowed_places",
    "any_secret",
    "asset_url",
    "base_urls",
    "currency",
    "folder",
    "header_secret",
    "host_names",
    "key_prefix",
    "key_ring",
    "one_of",
    "organization_name",
    "redis_url",
    "secret",
    "several_of",
    "smtp_url",
    "switch",
    "thresholds",
    "uri",
    "whole",
    "zone_name",
]

_SHORTEST_KEY = 16
_MOST_THRESHOLDS = 10
_MOST_ADDRESSES = 20
_LONGEST_ADDRESS = 254
# ASCII without spaces, so that no header and no SMTP command could take it for anything else.
_ADDRESS = re.compile(
    r"(?!.*\.\.)(?!\.)(?!.*\.@)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}"
)
# A scheme, a host with or without a port, and a path: no credentials, no query, no fragment.
_PLACE = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~%/-]*)?")


def switch(text: str) -> bool:
    values = {"true": True, "1": True, "yes": True, "on": True}
    values |= {"false": False, "0": False, "no": False, "off": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]


def base_urls(text: str) -> tuple[str, ...]:
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


def secret(text: str) -> SecretStr | None:
    if not text:
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("not a key")
    return SecretStr(text)


def header_secret(text: str) -> SecretStr | None:
    if text and len(text) < _SHORTEST_KEY:
        raise ValueError("too short")
    return secret(text)


def currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError(text)
    return text


def organization_name(text: str) -> str | None:
    if text.lower() in ("off", "false", "none"):
        return None
    if len(text) > 200 or not text.isprintable():
        raise ValueError(text)
    return text


def zone_name(text: str) -> str:
    return zone(text).key


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(text)
        return text.lower()

    return parse


def several_of(*choices: str) -> Callable[[str], tuple[str, ...]]:
    """Names separated by commas, each once, in the order given."""

    def parse(text: str) -> tuple[str, ...]:
        names = tuple(name.strip().lower() for name in text.split(","))
        if not set(names) <= set(choices) or len(set(names)) < len(names):
            raise ValueError(text)
        return names

    return parse


def folder(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise ValueError(text)
    return path


def key_ring(text: str) -> tuple[SecretStr, ...]:
    """Keys separated by commas, newest first: each at least 16 characters long."""
    keys = [key.strip() for key in text.split(",")] if text else []
    if any(len(key) < _SHORTEST_KEY or not key.isprintable() for key in keys):
        raise ValueError("too short")
    if len(set(keys)) < len(keys):
        raise ValueError("the same key twice")
    return tuple(SecretStr(key) for key in keys)


def thresholds(text: str) -> tuple[int, ...]:
    """Percentages, each once and in order; an empty list says that nobody is to be warned."""
    if text.lower() == "off":
        return ()
    marks = {int(mark) for mark in text.split(",")}
    if any(not 1 <= mark <= 100 for mark in marks) or len(marks) > _MOST_THRESHOLDS:
        raise ValueError(text)
    return tuple(sorted(marks))


def address(text: str) -> str:
    """An e-mail address, as it goes into an envelope and a header."""
    if len(text) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(text):
        raise ValueError(text)
    return text


def addresses(text: str) -> tuple[str, ...]:
    """E-mail addresses separated by commas, each once."""
    found = tuple(dict.fromkeys(address(one.strip()) for one in text.split(",") if one.strip()))
    if len(found) > _MOST_ADDRESSES:
        raise ValueError(text)
    return found


def smtp_url(text: str) -> SecretStr | None:
    if not text:
        return None
    parts = urlsplit(text)
    is_known = parts.scheme in ("smtp", "smtps", "smtp+plain") and bool(parts.hostname)
    # A password without encryption is everybody's.
    is_open = parts.scheme == "smtp+plain" and (parts.username or parts.password)
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if not is_known or is_open or rest or parts.port == 0:
        raise ValueError("not a URL of a mail server")
    return SecretStr(text)


def redis_url(text: str) -> SecretStr | None:
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


def host_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if any(name.count(":") == 1 or re.search(r"[\s/@]", name) for name in names):
        raise ValueError(text)
    return names


def allowed_places(text: str) -> tuple[str, ...]:
    """Host names, addresses and networks, as they are written; without ports."""
    places = tuple(place.strip().lower() for place in text.split(",") if place.strip())
    for place in places:
        is_like_a_name = re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", place)
        if not is_like_a_name or place.replace(".", "").isdecimal():
            ipaddress.ip_network(place)
    return places


def uri(text: str) -> str:
    if len(text) > 500 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def asset_url(text: str) -> str | None:
    """Where files are fetched from, with a slash at its end. It goes into headers and scripts."""
    if not text:
        return None
    parts = urlsplit(text)
    # Looking at the port is what finds one that is no number.
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))
    is_place = bool(parts.hostname) and _PLACE.fullmatch(text) and parts.port != 0
    if not is_safe or not is_place:
        raise ValueError(text)
    return f"{text.rstrip('/')}/"


def _is_here(name: str | None) -> bool:
    """This very machine, which browsers trust without encryption."""
    return name in ("localhost", "127.0.0.1", "::1")


def key_prefix(text: str) -> str:
    if len(text) > 200 or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def any_secret(text: str) -> SecretStr | None:
    return SecretStr(text) if text else None


def whole(low: int, high: int, *, scale: int = 1) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value * scale

    return parse
