"""The figures of a meter as text for a monitoring system."""

from typing import Protocol

__all__ = ["MetricsPage"]


class MetricsPage(Protocol):
    """``content_type`` names the format of what ``render`` gives."""

    content_type: str

    def render(self) -> bytes: ...
