"""An organization's contacts, which stand in one column as JSON."""

import json
from collections.abc import Mapping, Sequence

from mai_usage_ext.guard import tally

__all__ = ["read_contacts", "write_contacts"]


def read_contacts(text: str) -> Sequence[Mapping[str, str]]:
    """The contacts in a column; none where it was edited into something else."""
    if not text:
        return ()
    try:
        contacts = json.loads(text)
        return tuple({str(name): str(value) for name, value in one.items()} for one in contacts)
    except (ValueError, AttributeError, TypeError):
        tally.warn("contacts unreadable", "an organization's contacts are no JSON list")
        return ()


def write_contacts(contacts: Sequence[Mapping[str, str]]) -> str:
    return json.dumps([dict(contact) for contact in contacts], ensure_ascii=False)
