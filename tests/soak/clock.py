"""Clocks for many processes, which may be set while they run, backwards too.

The product asks two classes for the time, one for the process's own and one for the database's. In
a host that ``tests.soak.host`` starts they add an offset each to the real time. The offsets stand
in a small file that every process maps into its memory: who writes it sets all clocks at once.
Leases of jobs go on in the database's real time.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mai_usage_ext.ports import SystemClock
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.storage.clock import DatabaseClock

__all__ = ["VARIABLE", "ClockFile", "SoakClock", "follow", "tomorrow"]

# Where a host is told of its clock.
VARIABLE = "SOAK_CLOCK"
_OFFSETS = struct.Struct("=qq")


class ClockFile:
    """What is added to the hosts' clock and to the database's, in milliseconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_OFFSETS.pack(0, 0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _OFFSETS.size)

    def read(self) -> tuple[int, int]:
        """The hosts' offset and the database's."""
        hosts_ms, database_ms = _OFFSETS.unpack_from(self._memory)
        return int(hosts_ms), int(database_ms)

    def write(self, *, hosts_ms: int, database_ms: int) -> None:
        _OFFSETS.pack_into(self._memory, 0, hosts_ms, database_ms)

    def close(self) -> None:
        self._memory.close()


def follow(path: Path) -> None:
    """From now on the product's clocks in this process show what the file says."""
    clock, database_ms = ClockFile(path), DatabaseClock.now_ms

    def now_ms(self: SystemClock) -> int:
        return _machine_ms() + clock.read()[0]

    def now_of_database_ms(self: DatabaseClock) -> int:
        return database_ms(self) + clock.read()[1]

    SystemClock.now_ms = now_ms  # type: ignore[method-assign]
    DatabaseClock.now_ms = now_of_database_ms  # type: ignore[method-assign]


class SoakClock:
    """The clocks of hosts, database and upstream: together, but for steps that only hosts make."""

    def __init__(self, file: ClockFile, simulator: Simulator) -> None:
        self._file = file
        self._upstream = simulator.service.clock
        self._offset_ms = 0
        self.steps = 0

    @property
    def now(self) -> datetime:
        """UTC, by the upstream's clock."""
        return self._upstream()

    def set(self, instant: datetime) -> None:
        """All clocks show this from now on."""
        self._offset_ms = int(instant.timestamp() * 1000) - _machine_ms()
        self._upstream.set(instant)
        self._file.write(hosts_ms=self._offset_ms, database_ms=self._offset_ms)

    def advance(self, by: timedelta) -> None:
        self.set(self.now + by)

    def step(self, ms: int) -> None:
        """The hosts' clock is so much ahead of the others from now on; or behind them."""
        self._file.write(hosts_ms=self._offset_ms + ms, database_ms=self._offset_ms)
        self.steps += 1


def tomorrow(hour: int, minute: int) -> datetime:
    """An instant of the UTC day after the machine's own."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1, hours=hour, minutes=minute)


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000
