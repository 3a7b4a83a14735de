"""The hosts: real processes on one database, killed and started again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from mai_usage_ext.demo.host_process import LOOPBACK, HostError, HostProcess
from tests.soak.clock import VARIABLE
from tests.soak.ground import Ground

__all__ = ["Fleet", "SoakHost", "environment_of"]

_ROOT = Path(__file__).parents[2]
_LOOK_EVERY_S = 0.5


class SoakHost(HostProcess):
    """Open WebUI with the meter inside, on the soak's clock."""

    def command(self) -> Sequence[str]:
        return self.ours("serve", "--host", LOOPBACK, "--port", str(self.port))

    def ours(self, *arguments: str) -> Sequence[str]:
        """The command line of one of our commands on the same clock."""
        return [sys.executable, "-m", "tests.soak.host", *arguments]

    def variables(self) -> dict[str, str]:
        return {**super().variables(), "PYTHONPATH": str(_ROOT)}

    def worker_pids(self) -> list[int]:
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children() if self.is_running else []
            return sorted(one.pid for one in children if _is_worker(one))
        return []


class Fleet:
    """Whoever ends is started again, as a service manager would; ``ready`` answer calls."""

    def __init__(self, hosts: Sequence[SoakHost]) -> None:
        self._hosts = hosts
        self._locks = [asyncio.Lock() for _ in hosts]
        self.ready: list[SoakHost] = []
        self.kills = 0
        self.restarts = 0
        self.starts = 0

    @property
    def is_whole(self) -> bool:
        return len(self.ready) == len(self._hosts)

    async def watch(self) -> None:
        """Start whoever does not run, until cancelled."""
        await asyncio.gather(*(self._keep(number) for number in range(len(self._hosts))))

    async def kill_worker(self, chance: random.Random) -> None:
        """kill -9 of one worker; its parent starts another."""
        pids = [pid for host in self.ready for pid in host.worker_pids()]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
                self.kills += 1

    async def kill_host(self, chance: random.Random) -> None:
        """kill -9 of a parent and all its workers, while another host serves."""
        if self._may_leave:
            host = self._leave(chance)
            async with self._lock_of(host):
                await asyncio.to_thread(host.kill)
                self.kills += 1

    async def restart_host(self, chance: random.Random) -> None:
        """SIGTERM, as an update would, while another host serves; then a new start."""
        if self._may_leave:
            host = self._leave(chance)
            async with self._lock_of(host):
                await asyncio.to_thread(host.stop)
                self.restarts += 1

    def stop(self) -> None:
        for host in self._hosts:
            host.stop()

    @property
    def _may_leave(self) -> bool:
        return len(self.ready) > 1

    def _leave(self, chance: random.Random) -> SoakHost:
        host = chance.choice(self.ready)
        self.ready.remove(host)
        return host

    def _lock_of(self, host: SoakHost) -> asyncio.Lock:
        return self._locks[self._hosts.index(host)]

    async def _keep(self, number: int) -> None:
        host = self._hosts[number]
        while True:
            async with self._locks[number]:
                if not host.is_running and host in self.ready:
                    self.ready.remove(host)
                if host not in self.ready:
                    await self._start(host)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _start(self, host: SoakHost) -> None:
        # A port that its last process has not let go of yet, a database that is away: again.
        with suppress(HostError):
            if not host.is_running:
                await asyncio.to_thread(host.launch)
                self.starts += 1
            await asyncio.to_thread(host.wait_until_healthy)
            self.ready.append(host)


def environment_of(ground: Ground, clock: Path) -> dict[str, str]:
    """What every host of a fleet is told."""
    return {
        "MAI_USAGE_DATABASE_URL": ground.url,
        "REDIS_URL": ground.redis.url,
        # Recovery and the keys' check come around often enough to meet every trouble.
        "MAI_USAGE_LEASE_SECONDS": "5",
        "MAI_USAGE_KEY_CHECK_SECONDS": "20",
        VARIABLE: str(clock),
    }


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return any("spawn_main" in word for word in process.cmdline())
    return False
