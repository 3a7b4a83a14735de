"""What an operator looks at: health, and the same figures for a monitoring system."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.guard import tally
from mai_usage_ext.openrouter.contact import contacts
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.ports.vitals import Contact
from mai_usage_ext.services.health import HealthCheck
from mai_usage_ext.services.health_checks import (
    Check,
    clock_check,
    disk_check,
    migrations_check,
    openrouter_check,
    pending_check,
    problem_check,
    queue_check,
    sealing_check,
    settlement_check,
)
from mai_usage_ext.services.job_reports import JobReport
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.meter_counts import MeterCounts
from mai_usage_ext.services.meter_figures import FigureSource
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.job_leases import JobLeaseRows
from mai_usage_ext.storage.keys import KeyRows
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.vault import vault_of
from mai_usage_ext.storage.vitals import VitalRows
from mai_usage_ext.telemetry.metrics import PrometheusPage
from mai_usage_ext.version import __version__

__all__ = ["MeterParts", "stored_health", "wire_health", "wire_metrics"]

_ADVICE_OF_KEYS = (
    "GET keys names each key and what is wrong with it: enter it again, provision a new one, or "
    "set OPENROUTER_PROVISIONING_KEY to a management key"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterParts:
    """What of a running meter is looked at. ``ledger`` has ``depth``, ``healthy``, ``is_alive`` and
    ``last_error``; ``redis`` is ``None`` where there is none."""

    ledger: Any
    counts: MeterCounts
    jobs: Callable[[], Sequence[JobReport]]
    jobs_are_alive: Callable[[], bool]
    redis: Callable[[], Sequence[str]] | None = None
    # By name; each says in a sentence what is wrong, or nothing.
    complaints: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)


def wire_health(
    bench: Workbench, settings: Settings, parts: MeterParts, key_check: KeyCheck
) -> HealthCheck:
    clock, base_url = SystemClock(), settings.base_urls[0]
    ledger, migrator = parts.ledger, Migrator(bench.database, version=__version__)

    def writer() -> Check:
        return queue_check(
            depth=ledger.depth,
            capacity=settings.queue_size,
            refused=sum(n for name, n in tally.snapshot().items() if name.startswith("queue full")),
            error=None if ledger.last_error is None else str(ledger.last_error),
            alive=ledger.is_alive,
        )

    def job_thread() -> Check:
        return problem_check(
            "job thread",
            None if parts.jobs_are_alive() else "the job thread is not running",
            well="the job thread runs",
            advice="restart this process: without it calls are not settled afterwards, and days "
            "are not sealed unless another process does it",
        )

    def settings_in_force() -> Check:
        problems = bench.live_settings.view().problems
        return problem_check(
            "settings",
            f"settings: {'; '.join(problems)}" if problems else None,
            well="every setting can be used",
            advice="correct it by POST settings; until then the environment's value holds",
        )

    def keys() -> Check:
        report = key_check.last_report()
        trouble = None if report is None else report.trouble
        unchecked = report is None or not report.was_run
        return problem_check(
            "keys",
            trouble,
            well="keys were not compared with OpenRouter's: no management key is set"
            if unchecked
            else f"{report.checked if report is not None else 0} keys are as OpenRouter has them",
            advice=_ADVICE_OF_KEYS,
        )

    return HealthCheck(
        VitalRows(bench.database, waiting=lambda: _waiting_of(migrator)),
        version=__version__,
        depth=lambda: int(ledger.depth),
        essential=[writer],
        own=[
            job_thread,
            lambda: openrouter_check(contacts.of(base_url)),
            lambda: settlement_check(parts.counts.look()),
            keys,
            *(_told(name, complain) for name, complain in parts.complaints.items()),
        ],
        stored=[
            migrations_check,
            disk_check,
            clock_check(clock, lambda: contacts.of(base_url)),
            pending_check(clock),
            sealing_check(SealRows(bench.database), grace_ms=settings.seal_grace_ms, clock=clock),
            # The overrides stand in the database.
            lambda _vitals: settings_in_force(),
        ],
        jobs=parts.jobs,
        redis=parts.redis,
    )


def wire_metrics(bench: Workbench, settings: Settings, parts: MeterParts) -> PrometheusPage:
    source = FigureSource(
        version=__version__,
        process=f"{socket.gethostname()[:40]}:{os.getpid()}",
        counts=parts.counts,
        depth=lambda: int(parts.ledger.depth),
        capacity=settings.queue_size,
        vitals=VitalRows(bench.database),
        jobs=parts.jobs,
        clock=SystemClock(),
    )
    return PrometheusPage(source.look)


def stored_health(database: Any, settings: Settings) -> HealthCheck:
    """As much of it as the database tells whoever is not a running meter."""
    clock, leases = SystemClock(), JobLeaseRows(database, owner="")

    def jobs() -> list[Check]:
        return [
            problem_check(
                f"job {record.name}",
                f"it fails: {record.problem}" if record.problem else None,
                well="its last run went well",
                advice="it is tried again by itself; the log of its process has the details",
            )
            for record in leases.records()
        ]

    def keys() -> Check:
        facts = KeyRows(database, vault_of(settings)).all_facts()
        told = [f"{one.slug}: {one.key.problem}" for one in facts if one.key.problem]
        return problem_check(
            "keys",
            "; ".join(told) or None,
            well=f"{len(facts)} organizations, no trouble with their keys",
            advice=_ADVICE_OF_KEYS,
        )

    return HealthCheck(
        VitalRows(database),
        version=__version__,
        stored=[
            disk_check,
            clock_check(clock, Contact),
            pending_check(clock),
            sealing_check(SealRows(database), grace_ms=settings.seal_grace_ms, clock=clock),
            lambda _vitals: keys(),
        ],
        more=jobs,
    )


def _told(name: str, complain: Callable[[], str | None]) -> Callable[[], Check]:
    return lambda: problem_check(
        name, complain(), well=f"the {name} are well", advice="the sentence says what is in the way"
    )


def _waiting_of(migrator: Migrator) -> list[str]:
    return [state.name for state in migrator.status() if state.applied_at_ms is None]
