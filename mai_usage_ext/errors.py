"""Everything that can go wrong here, drawn once.

    UsageError
    ├── ConfigurationError      a setting is wrong: which, what it got, what would be right
    ├── BadInput                a value is wrong: which field, what it got, what would be right
    ├── SeamMissing             the host lacks a place we attach to: which, in which version
    ├── PrototypePresent        the host still meters in-tree; attaching would count twice
    ├── NotFound
    │   └── NoOrganization      the user belongs to no organization
    ├── Conflict                what is there already does not allow it
    │   └── Outdated            somebody changed it since it was read
    ├── NotRunning              the meter did not start, or has stopped; says why
    ├── Refused                 a call must not go upstream; carries what the chat shows
    ├── StorageError
    │   ├── StorageUnavailable  the database is locked, full or gone; worth trying again
    │   ├── SchemaMismatch      the database wants a newer version of this package
    │   └── MigrationFailed     a migration's own check failed; it was rolled back
    ├── QueueFull               the writer's queue has no room
    └── UpstreamError           OpenRouter's management API answered with an error
        └── GenerationNotFound  … 404 for a generation, which is normal for a while

None of them knows HTTP; the statuses stand in one table in ``api/problems.py``.
"""

__all__ = [
    "BadInput",
    "ConfigurationError",
    "Conflict",
    "GenerationNotFound",
    "MigrationFailed",
    "NoOrganization",
    "NotFound",
    "NotRunning",
    "Outdated",
    "PrototypePresent",
    "QueueFull",
    "Refused",
    "SchemaMismatch",
    "SeamMissing",
    "StorageError",
    "StorageUnavailable",
    "UpstreamError",
    "UsageError",
]


class UsageError(Exception):
    """The root of every error this package raises on purpose."""


class ConfigurationError(UsageError):
    """One or more settings cannot be used.

    ``problems`` holds one sentence for each: the variable, what it got, what would be right.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems

    @classmethod
    def of(cls, setting: str, *, got: object, expected: str) -> "ConfigurationError":
        return cls(f"{setting} is {got!r}; expected {expected}")


class BadInput(UsageError, ValueError):
    """A value is wrong. ``field`` names it, ``expected`` says what would be right."""

    def __init__(self, field: str, *, got: object, expected: str) -> None:
        try:
            shown = repr(got)
        except ValueError:
            shown = "a number of thousands of digits"
        if len(shown) > 80:
            shown = shown[:77] + "…"
        super().__init__(f"{field} is {shown}; expected {expected}")
        self.field = field
        self.expected = expected


class SeamMissing(UsageError):
    """The host has no such place to attach to."""

    def __init__(self, seam: str, *, looked_for: str, version: str) -> None:
        super().__init__(f"{seam}: {looked_for} was not found in Open WebUI {version}")
        self.seam = seam
        self.looked_for = looked_for
        self.version = version


class PrototypePresent(UsageError):
    """The host carries mAI's in-tree metering; we stay out rather than count twice."""


class NotFound(UsageError):
    """What was asked for does not exist, or not for the one who asked."""


class NoOrganization(NotFound):
    """The user belongs to no organization."""


class Conflict(UsageError):
    """What is there already does not allow it. ``field`` names the value that clashes."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Outdated(Conflict):
    """The caller named a version that is not the present one: read again, then change."""


class NotRunning(UsageError):
    """The meter does not run in this process; the text says why."""


class Refused(UsageError):
    """A call must not go upstream.

    ``code`` is the upstream-shaped status the chat shows (402 for money, 503 for a meter that
    cannot check); ``str(error)`` is the sentence a person reads.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class StorageError(UsageError):
    """The database did not do what it was asked."""


class StorageUnavailable(StorageError):
    """The database is locked, full, restarting or gone. The same work may succeed later."""


class SchemaMismatch(StorageError):
    """The database was migrated by a version that declares this one too old to use it."""


class MigrationFailed(StorageError):
    """A migration did not pass its own check and was rolled back."""


class QueueFull(UsageError):
    """The writer's queue has no room; what was refused is counted under its name."""


class UpstreamError(UsageError):
    """OpenRouter answered with an error. ``status`` is its HTTP status, 0 when none came."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class GenerationNotFound(UpstreamError):
    """``GET /generation`` answered 404, as it does for a while after every call."""
