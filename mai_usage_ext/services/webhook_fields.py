"""The fields of a webhook as the API names them, and what their values may be."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.ports.webhooks import Endpoint

__all__ = ["audited", "checked_fields", "checked_overlap_ms"]

_LONGEST_TEXT = 200
_LONGEST_OVERLAP_H = 168
_HOUR_MS = 3_600_000


def checked_fields(
    fields: Mapping[str, object], *, check_url: Callable[[str], None], known: Callable[[str], bool]
) -> dict[str, Any]:
    """Columns of the named fields, and ``enabled`` as it is. ``known`` says whether there is such
    an organization. Raises ``BadInput`` for the first that is wrong or unknown."""
    columns: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "url":
            columns["url"] = _url(value, check_url)
        elif name == "description":
            columns["description"] = _description(value)
        elif name == "events":
            columns["kinds"] = _kinds(value)
        elif name == "client_id":
            columns["organization_id"] = _organization(value, known)
        elif name == "enabled":
            columns["enabled"] = _flag(value)
        else:
            expected = "one of the fields url, description, events, client_id, enabled"
            raise BadInput(name, got=value, expected=expected)
    return columns


def checked_overlap_ms(hours: object) -> int:
    """How long a replaced secret goes on signing too."""
    if (
        isinstance(hours, bool)
        or not isinstance(hours, int)
        or not 0 <= hours <= _LONGEST_OVERLAP_H
    ):
        expected = f"a whole number of hours from 0 to {_LONGEST_OVERLAP_H}"
        raise BadInput("overlap_hours", got=hours, expected=expected)
    return hours * _HOUR_MS


def audited(endpoint: Endpoint) -> dict[str, object]:
    """What the trail says of it. The path of a webhook's URL is often a secret, so it is left out:
    a change of it shows in the length alone."""
    parts = urlsplit(endpoint.url)
    return {
        "url": f"{parts.scheme}://{parts.netloc}/…",
        "url_characters": len(endpoint.url),
        "description": endpoint.description,
        "events": list(endpoint.kinds),
        "client_id": endpoint.organization_id,
        "enabled": endpoint.is_enabled,
    }


def _url(value: object, check: Callable[[str], None]) -> str:
    if not isinstance(value, str):
        raise BadInput("url", got=value, expected="an https URL")
    check(value)
    return value


def _description(value: object) -> str:
    text = value.strip() if isinstance(value, str) else None
    if text is None or len(text) > _LONGEST_TEXT or not text.isprintable():
        expected = f"at most {_LONGEST_TEXT} printable characters"
        raise BadInput("description", got=value, expected=expected)
    return text


def _kinds(value: object) -> tuple[str, ...]:
    """Each once, in the order of ``EventKind``; none of them means all."""
    expected = f"a list of {', '.join(EventKind)}; an empty one for all"
    if not isinstance(value, list | tuple):
        raise BadInput("events", got=value, expected=expected)
    for one in value:
        if not isinstance(one, str) or one not in set(EventKind):
            raise BadInput("events", got=one, expected=expected)
    return tuple(kind.value for kind in EventKind if kind.value in value)


def _organization(value: object, known: Callable[[str], bool]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not known(value):
        raise BadInput("client_id", got=value, expected="the id of an organization, or null")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput("enabled", got=value, expected="true or false")
    return value
