"""Optimistic concurrency: ``ETag`` out, ``If-Match`` in."""

import re

from mai_usage_ext.errors import BadInput

__all__ = ["etag", "wanted_tag", "wanted_version"]

# A proxy that compresses an answer marks its tag as weak, though it names the same version.
_TAG = re.compile(r'(?:W/)?"([^"]{1,100})"')


def etag(version: int | str) -> str:
    return f'"{version}"'


def wanted_tag(if_match: str | None) -> str | None:
    """What an ``If-Match`` names, ``None`` where it is absent or ``*``. Raises ``BadInput``."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise BadInput("If-Match", got=if_match, expected='one ETag such as "3", or *')
    return tag[1]


def wanted_version(if_match: str | None) -> int | None:
    """As ``wanted_tag``, for versions that are numbers."""
    tag = wanted_tag(if_match)
    if tag is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", tag):
        raise BadInput("If-Match", got=if_match, expected='an ETag of this resource such as "3"')
    return int(tag)
