"""Jobs that one process runs for all of them, and how jobs went."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["JobLeases", "JobRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job's last run. ``problem`` is why it failed, one sentence, ``None`` after a success;
    ``owner`` is the process that runs it or ran it last, ``None`` for a job of every process."""

    name: str
    owner: str | None = None
    begun_ms: int | None = None
    succeeded_ms: int | None = None
    problem: str | None = None


class JobLeases(Protocol):
    """The right to run a job, for one process at a time and not for long.

    Whoever holds it renews it while the job runs; when nobody does, it ends by itself after
    ``length_ms``. For a moment two may hold it, if clocks are set or a process was asleep, so a job
    must bear being run twice. Raises ``StorageUnavailable``.
    """

    @property
    def length_ms(self) -> int: ...

    def begin(self, name: str, *, every_ms: int) -> bool:
        """Take the lease, if it is free and the job is due: its last run began ``every_ms`` ago, or
        never ended."""
        ...

    def renew(self, name: str) -> bool:
        """Keep it for another ``length_ms``; false when another process has it now."""
        ...

    def end(self, name: str, *, problem: str | None) -> None:
        """The run is over; ``None`` says that it went well."""
        ...

    def give_back(self, name: str) -> None:
        """The run was broken off: whoever asks next may begin at once."""
        ...

    def records(self) -> Sequence[JobRecord]: ...
