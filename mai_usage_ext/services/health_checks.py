"""The checks of the health page: what was seen, and what to do where it is not well."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mai_usage_ext.metering.days import is_over, rfc3339
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import Clock, HoldState, SealStore
from mai_usage_ext.ports.vitals import Contact, Vitals
from mai_usage_ext.services.job_reports import JobReport
from mai_usage_ext.services.meter_counts import ProcessFigures

__all__ = [
    "Check",
    "CheckStatus",
    "StoredCheck",
    "away_check",
    "clock_check",
    "database_check",
    "disk_check",
    "job_check",
    "migrations_check",
    "openrouter_check",
    "pending_check",
    "problem_check",
    "queue_check",
    "redis_check",
    "sealing_check",
    "settlement_check",
    "told_check",
    "worst",
]

_SLOW_S = 1.0
_OLD_PENDING_MS = 3_600_000
# A day may wait for its grace, the job's turn and a long reading.
_SEALING_PATIENCE_MS = 2 * 3_600_000
_MOST_SKEW_MS = 5_000
_LEAST_FREE = 100 * 1024 * 1024
_MINUTE_MS = 60_000


class CheckStatus(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``seen`` is a sentence; ``advice`` says what to do, and is empty where all is well."""

    name: str
    status: CheckStatus
    seen: str
    advice: str = ""


StoredCheck = Callable[[Vitals], Check]


def worst(checks: Sequence[Check]) -> CheckStatus:
    """The status of them together; of none, well."""
    order = list(CheckStatus)
    return max((check.status for check in checks), key=order.index, default=CheckStatus.OK)


def told_check(name: str, seen: str, *, is_ok: bool, advice: str, is_down: bool = False) -> Check:
    """A check by its outcome; the advice is kept for when it is wanted."""
    if is_ok:
        return Check(name=name, status=CheckStatus.OK, seen=seen)
    status = CheckStatus.DOWN if is_down else CheckStatus.DEGRADED
    return Check(name=name, status=status, seen=seen, advice=advice)


def problem_check(name: str, problem: str | None, *, well: str, advice: str) -> Check:
    """A check that is well while there is no problem to tell."""
    return told_check(name, problem or well, is_ok=problem is None, advice=advice)


def database_check(seconds: float) -> Check:
    ms = seconds * 1000
    return told_check(
        "database",
        f"the database answered in {ms:.1f} ms",
        is_ok=seconds < _SLOW_S,
        advice="look for long transactions and at the machine's load; GET debug/slow-queries names "
        "the statements that took long here",
    )


def away_check(error: Exception) -> Check:
    return told_check(
        "database",
        f"the database does not answer: {error}",
        is_ok=False,
        is_down=True,
        advice="start it, or check MAI_USAGE_DATABASE_URL (or the host's DATABASE_URL) and the "
        "network; changes wait in memory and are written once it is back",
    )


def queue_check(
    *, depth: int, capacity: int, refused: int, error: str | None, alive: bool
) -> Check:
    """The writer's thread and its queue; a thread that has ended needs a restart."""
    seen = f"{depth} of {capacity} changes wait to be written, {refused} were refused for no room"
    if not alive:
        return told_check(
            "writer",
            f"the writer's thread does not run: {error or 'it was stopped'}",
            is_ok=False,
            is_down=True,
            advice="restart this process: calls that are under way keep their holds and are "
            "settled afterwards",
        )
    if error is not None:
        return told_check(
            "writer",
            f"the writer fails: {error}",
            is_ok=False,
            advice="see the check of the database; the writer goes on by itself once it answers",
        )
    return told_check(
        "writer",
        seen,
        is_ok=depth * 2 <= capacity,
        advice="the database is too slow for the calls: see GET debug/slow-queries, or raise "
        "MAI_USAGE_QUEUE_SIZE to bridge a peak",
    )


def pending_check(clock: Clock) -> StoredCheck:
    """Calls that are over and have no price yet."""

    def check(vitals: Vitals) -> Check:
        waiting = {state: one for state, one in vitals.unsettled.items() if state != HoldState.OPEN}
        if not waiting:
            return told_check("pending", "no call waits for its price", is_ok=True, advice="")
        oldest = min(waiting.values(), key=lambda one: one.oldest_at_ms)
        age_ms = clock.now_ms() - oldest.oldest_at_ms
        parts = ", ".join(f"{one.count} {state}" for state, one in waiting.items())
        return told_check(
            "pending",
            f"calls without a price: {parts}; the oldest for {_duration(age_ms)}",
            is_ok=age_ms < _OLD_PENDING_MS,
            advice="check that a key may ask about them (POST debug/openrouter); unidentified ones "
            "are found by the reconciliation of their day, GET debug/generations/ID tells of one",
        )

    return check


def settlement_check(figures: ProcessFigures) -> Check:
    """When a call was settled last; silence alone is no fault."""
    last = figures.last_settled_ms
    since = _instant(figures.started_ms)
    seen = (
        f"no call was settled by this process since its start at {since}"
        if last is None
        else f"the last call was settled at {_instant(last)}"
    )
    return told_check("settlement", seen, is_ok=True, advice="")


def sealing_check(store: SealStore, *, grace_ms: int, clock: Clock) -> StoredCheck:
    """Days that are over and not sealed yet, of any organization."""

    def check(vitals: Vitals) -> Check:
        # The job goes by the earlier of the two clocks, so that a wrong one seals nothing early.
        at_ms = min(clock.now_ms(), vitals.database_ms) - grace_ms - _SEALING_PATIENCE_MS
        late = [
            live
            for live in store.oldest_live_days()
            if is_over(
                live.day,
                at_ms=at_ms,
                time_zone=live.time_zone,
                next_time_zone=live.next_time_zone,
                next_from_ms=live.next_from_ms,
            )
        ]
        if not late:
            return told_check("sealing", "every day that is over is sealed", is_ok=True, advice="")
        return told_check(
            "sealing",
            f"{late[0].day} of {late[0].organization_id} is over and not sealed"
            + (f", and days of {len(late) - 1} others" if len(late) > 1 else ""),
            is_ok=False,
            advice="see the check of the job sealing: it says why it fails; usage is shown all the "
            "same, statements wait",
        )

    return check


def clock_check(clock: Clock, contact: Callable[[], Contact]) -> StoredCheck:
    """This machine's clock against the database's, and OpenRouter's where it was seen."""

    def check(vitals: Vitals) -> Check:
        to_database = clock.now_ms() - vitals.database_ms
        to_openrouter = contact().skew_ms
        seen = f"this machine's clock is {_ahead(to_database)} the database's"
        if to_openrouter is not None:
            seen += f" and {_ahead(to_openrouter)} OpenRouter's"
        most = max(abs(to_database), abs(to_openrouter or 0))
        return told_check(
            "clocks",
            seen,
            is_ok=most <= _MOST_SKEW_MS,
            advice="switch on time synchronisation (NTP) on this machine and on the database's: "
            "days are billed by this clock",
        )

    return check


def migrations_check(vitals: Vitals) -> Check:
    names = ", ".join(vitals.waiting)
    return told_check(
        "migrations",
        f"not applied: {names}" if names else "the tables are those of this version",
        is_ok=not names,
        advice="run mai-usage migrate up, or restart the host",
    )


def disk_check(vitals: Vitals) -> Check:
    free = vitals.free_bytes
    if free is None:
        return told_check("disk", "the database has its own disk", is_ok=True, advice="")
    return told_check(
        "disk",
        f"{free // 2**20:,} MiB are free beside the database's file",
        is_ok=free >= _LEAST_FREE,
        advice="make room: on a full disk nothing is committed, and organizations with a limit are "
        "refused",
    )


def openrouter_check(contact: Contact) -> Check:
    """Requests of ours; chats have their own connections."""
    parts = []
    if contact.succeeded_ms is not None:
        parts.append(f"last answer at {_instant(contact.succeeded_ms)}")
    if contact.problem is not None and contact.failed_ms is not None:
        parts.append(f"failed at {_instant(contact.failed_ms)}, {contact.problem}")
    if contact.credits_pusd is not None:
        parts.append(f"credits left: {usd_from_pusd(contact.credits_pusd)} USD")
    is_broke = contact.credits_pusd is not None and contact.credits_pusd <= 0
    return told_check(
        "openrouter",
        f"OpenRouter: {'; '.join(parts) or 'not asked yet by this process'}",
        is_ok=contact.problem is None and not is_broke,
        advice="add credits at OpenRouter"
        if is_broke
        else "run POST debug/openrouter: it tries name, connection, models and key one by one",
    )


def redis_check(troubles: Sequence[str]) -> Check:
    return told_check(
        "redis",
        "; ".join(troubles) or "Redis answers",
        is_ok=not troubles,
        advice="check REDIS_URL and the server; until it is back processes poll and count alone",
    )


def job_check(report: JobReport) -> Check:
    last = report.record.succeeded_ms
    well = "has not run yet" if last is None else f"last done at {_instant(last)}"
    return told_check(
        f"job {report.record.name}",
        report.complaint or f"the job {report.record.name}: {well}",
        is_ok=report.complaint is None,
        advice="it is tried again by itself; where it goes on failing, the sentence says what is "
        "in the way, and the log of the process that runs it has the details",
    )


def _ahead(ms: int) -> str:
    if abs(ms) < 1000:
        return "level with"
    return f"{_duration(abs(ms))} {'ahead of' if ms > 0 else 'behind'}"


def _duration(ms: int) -> str:
    if ms < 2 * _MINUTE_MS:
        return f"{max(ms, 0) // 1000} s"
    minutes = ms // _MINUTE_MS
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _instant(ms: int) -> str:
    return rfc3339(ms, timespec="seconds")
