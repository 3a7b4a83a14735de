"""Which of the packages that tell of us the host has; looking imports none of them."""

import importlib.util
from contextlib import suppress

__all__ = ["has_opentelemetry"]


def has_opentelemetry() -> bool:
    """Whether there is the API; a host without an SDK makes it do next to nothing."""
    with suppress(ModuleNotFoundError):
        return importlib.util.find_spec("opentelemetry.trace") is not None
    return False
