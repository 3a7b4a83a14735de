"""What one soak does, and how its command line says so."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DATABASES", "Plan", "plan_of"]

DATABASES = ("postgresql", "sqlite")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``calls`` are the upstream's; ``minutes`` end the load earlier, where they are over first."""

    calls: int = 100_000
    minutes: float | None = None
    seed: int = 1
    database: str = "postgresql"
    hosts: int = 2
    workers: int = 2
    clients: int = 16
    logs: Path | None = None

    @property
    def calls_between_troubles(self) -> int:
        """On average. A small soak has some trouble too, a large one does not drown in starts."""
        return max(12, min(200, self.calls // 12))


def plan_of(arguments: Sequence[str]) -> Plan:
    """Parse; an argument that cannot be used is named, and ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="Calls through real hosts under faults and kills, then every book compared.",
    )
    parser.add_argument("--calls", type=_whole(1, 10_000_000), default=Plan.calls, metavar="N")
    parser.add_argument("--minutes", type=_minutes, metavar="M", help="end the load after so long")
    parser.add_argument("--seed", type=_whole(0, 2**63), default=Plan.seed, metavar="S")
    parser.add_argument("--database", choices=DATABASES, default=Plan.database)
    parser.add_argument("--hosts", type=_whole(1, 8), default=Plan.hosts, metavar="N")
    parser.add_argument("--workers", type=_whole(2, 8), default=Plan.workers, metavar="N")
    parser.add_argument("--clients", type=_whole(1, 200), default=Plan.clients, metavar="N")
    parser.add_argument("--logs", type=_folder, metavar="FOLDER", help="keep the hosts' logs there")
    return Plan(**vars(parser.parse_args(arguments)))


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text) if text.isdecimal() else -1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not right; expected a whole number from {low} to {high}"
            )
        return value

    return parse


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not right; expected a number of minutes above 0, such as 30 or 0.5"
        )
    return value


def _folder(text: str) -> Path:
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no folder to write to: {error}") from None
    return folder
