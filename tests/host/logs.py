"""Reading a host's log."""

from __future__ import annotations

import re

# Such as "2026-11-24 07:56:21.122 | ERROR    | mai_usage_ext.guard:swallow:40 - …".
_OUR_ERROR = re.compile(r"\| (?:ERROR|CRITICAL) +\| mai_usage_ext")


def our_errors(text: str) -> list[str]:
    """The lines in which the extension complains, as the host's log shows them."""
    return [line for line in text.splitlines() if _OUR_ERROR.search(line)]
