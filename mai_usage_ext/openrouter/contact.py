"""What this process last heard of OpenRouter, by base URL."""

import threading
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

from mai_usage_ext.ports.vitals import Contact

__all__ = ["Contacts", "contacts"]

# Answers that say something of the account or the service, not of what was asked for.
_TROUBLE = (402, 429)


class Contacts:
    """Noted by every request of ours; the chats themselves are the host's."""

    def __init__(self) -> None:
        self._contacts: dict[str, Contact] = {}
        self._lock = threading.Lock()

    def of(self, base_url: str) -> Contact:
        return self._contacts.get(base_url.rstrip("/"), Contact())

    def answered(self, base_url: str, *, status: int, date: str | None) -> None:
        """An answer came; ``date`` is its header."""
        changes: dict[str, Any] = {}
        skew_ms = _skew_ms(date)
        if skew_ms is not None:
            changes["skew_ms"] = skew_ms
        if status >= 500 or status in _TROUBLE:
            changes |= {"failed_ms": _now_ms(), "problem": f"it answered {status}"}
        else:
            changes |= {"succeeded_ms": _now_ms(), "problem": None}
        self._note(base_url, **changes)

    def failed(self, base_url: str, reason: str) -> None:
        """No answer came."""
        self._note(base_url, failed_ms=_now_ms(), problem=f"no answer: {reason}")

    def credited(self, base_url: str, pusd: int) -> None:
        """What is left of the account's credits, in picodollars; may be negative."""
        self._note(base_url, credits_pusd=pusd, credits_at_ms=_now_ms())

    def _note(self, base_url: str, **changes: Any) -> None:
        with self._lock:
            name = base_url.rstrip("/")
            self._contacts[name] = replace(self._contacts.get(name, Contact()), **changes)


contacts = Contacts()


def _now_ms() -> int:
    return int(time.time() * 1000)


def _skew_ms(date: str | None) -> int | None:
    """How far our clock is ahead of the header's, which knows whole seconds only."""
    if not date:
        return None
    try:
        there = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    if there.tzinfo is None:
        return None
    # The second that the header names began up to a second before it was written.
    ahead = _now_ms() - int(there.timestamp() * 1000)
    return 0 if 0 <= ahead < 1000 else ahead
