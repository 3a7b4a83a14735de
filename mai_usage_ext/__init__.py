"""Meters, limits and bills OpenRouter usage inside an unmodified Open WebUI.

Two lines attach it::

    import mai_usage_ext

    mai_usage_ext.install(app)
"""

from typing import Any

from mai_usage_ext.errors import (
    BadInput,
    ConfigurationError,
    GenerationNotFound,
    MigrationFailed,
    NoOrganization,
    NotFound,
    NotRunning,
    PrototypePresent,
    QueueFull,
    Refused,
    SchemaMismatch,
    SeamMissing,
    StorageError,
    StorageUnavailable,
    UpstreamError,
    UsageError,
)
from mai_usage_ext.settings import Settings
from mai_usage_ext.version import __version__

__all__ = [
    "BadInput",
    "ConfigurationError",
    "GenerationNotFound",
    "MigrationFailed",
    "NoOrganization",
    "NotFound",
    "NotRunning",
    "PrototypePresent",
    "QueueFull",
    "Refused",
    "SchemaMismatch",
    "SeamMissing",
    "Settings",
    "StorageError",
    "StorageUnavailable",
    "UpstreamError",
    "UsageError",
    "__version__",
    "install",
    "uninstall",
]


def install(app: Any) -> bool:
    """Attach the meter to Open WebUI's app; true when it is attached.

    Call it once the host's module is imported and before its lifespan starts. It opens nothing: the
    database, the threads and the wire wrapper wait for the lifespan. Calling it again is a no-op.
    Where ``ENABLE_MAI_USAGE_EXT`` is false, or the host lacks a place to attach to, the host stays
    exactly as it was and the log says so. A wrong setting does not stop the host either: our routes
    answer 503 with the reason, and ``MAI_USAGE_ON_START_FAILURE`` decides about metered calls.
    """
    # Wired on demand: a program that only wants the simulator needs neither FastAPI nor a database.
    from mai_usage_ext import bootstrap

    return bootstrap.install(app)


def uninstall(app: Any) -> None:
    """Undo ``install`` while the host's lifespan does not run; a no-op when not installed."""
    from mai_usage_ext import bootstrap

    bootstrap.uninstall(app)
