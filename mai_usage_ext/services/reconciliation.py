"""Every key's UTC day beside OpenRouter's own figures of it; what is missing is booked, once."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mai_usage_ext.errors import (
    BadInput,
    ConfigurationError,
    Conflict,
    StorageUnavailable,
    UpstreamError,
)
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day, day_bounds_ms
from mai_usage_ext.metering.pricing import Price
from mai_usage_ext.ports import UNASSIGNED, Clock, Hold, HoldState, Ledger, OrganizationStore
from mai_usage_ext.ports.reconciliation import (
    Activity,
    Adjusted,
    Captured,
    CounterLook,
    Finding,
    LineFilter,
    Midnight,
    ReconciliationRecord,
    ReconciliationStore,
    RunRecord,
    UnsettledHold,
)
from mai_usage_ext.services.adjustments import adjustment_of
from mai_usage_ext.services.comparison import Comparison, compare
from mai_usage_ext.services.day_books import (
    DayBooks,
    DayResult,
    at_home,
    habit_of,
    homes_of,
    is_lost,
)
from mai_usage_ext.services.findings import finding_of, is_used, tell
from mai_usage_ext.services.gaps import Gaps
from mai_usage_ext.services.identification import Identification

__all__ = ["Reconciliation"]

_HOUR_MS = 3_600_000
# OpenRouter keeps the figures of so many completed days.
DAYS_KEPT = 30
# Nothing of a day is booked earlier: figures come late, and settlement may still ask for a call
# that ended at midnight.
GRACE_MS = 6 * _HOUR_MS
# A day is looked at once more after this long, for figures that came later still.
_FINAL_MS = 24 * _HOUR_MS
# A generation that OpenRouter does not know by then is looked for in the day's figures instead.
_GIVE_UP_MS = 3 * 24 * _HOUR_MS
# Longer than a key's comparison takes; one who died is waited for no longer.
_CLAIM_MS = 300_000

Progress = Callable[[int, int], None]
"""How many keys of how many are done."""


def _untold(_done: int, _total: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    day: date
    begin_ms: int
    end_ms: int
    now_ms: int
    management_key: str

    @property
    def given_up(self) -> bool:
        """Whether what OpenRouter does not know by now is taken for never billed."""
        return self.now_ms >= self.end_ms + _GIVE_UP_MS


class Reconciliation:
    """Compares days, books what is missing, and closes the holds that nothing was found for.

    Two that work on one day at once stay out of each other's way by a claim on it; were it to
    fail, both would book the same entry, which the ledger takes once.
    """

    def __init__(
        self,
        store: ReconciliationStore,
        ledger: Ledger,
        activity: Activity,
        *,
        organizations: OrganizationStore,
        gaps: Gaps,
        management_key: Callable[[], str | None],
        clock: Clock,
    ) -> None:
        self._store = store
        self._gaps = gaps
        self._ledger = ledger
        self._activity = activity
        self._organizations = organizations
        self._management_key = management_key
        self._clock = clock
        self._identification = Identification(store, ledger, activity, organizations=organizations)

    async def run_once(self) -> Sequence[DayResult]:
        """Look at the keys' counters, then at every day that is not done yet, oldest first.

        Without a management key there is nothing to do. What OpenRouter or the database does not
        answer is tried again by the next round.
        """
        if self._management_key() is None:
            return ()
        done: list[DayResult] = []
        try:
            await self.look_at_counters()
            for day in await asyncio.to_thread(self._due):
                try:
                    done.append(await self.run_day(day))
                except Conflict:
                    continue
        except (UpstreamError, StorageUnavailable) as error:
            tally.warn("reconciliations postponed", f"a reconciliation has to wait: {error}")
        return done

    async def look_at_counters(self) -> None:
        """Store what every key has used in all its life. Raises as ``run_day`` does."""
        usage = await self._activity.usage(management_key=self._key())
        await asyncio.to_thread(self._store.note_counters, usage, now_ms=self._clock.now_ms())

    def has_taken(self, day: date) -> bool:
        """Whether comparing this UTC day may have booked what it lacked already: then nobody else
        may. It is false for good where OpenRouter tells no figures."""
        if self._management_key() is None:
            return False
        last = billing_day(self._clock.now_ms() - GRACE_MS, "UTC") - timedelta(days=1)
        return self._store.beginning() < day <= last

    def comparable(self) -> tuple[date, date]:
        """The first and the last UTC day that can be compared now; the first may be the later."""
        now_ms = self._clock.now_ms()
        oldest = billing_day(now_ms, "UTC") - timedelta(days=DAYS_KEPT)
        last = billing_day(now_ms - GRACE_MS, "UTC") - timedelta(days=1)
        return max(oldest, self._store.beginning() + timedelta(days=1)), last

    async def run_day(self, day: date, *, progress: Progress = _untold) -> DayResult:
        """Compare one UTC day, whatever earlier runs found; ``progress`` is told how many of its
        keys are done.

        Raises ``BadInput`` for a day that cannot be compared, ``ConfigurationError`` without a
        management key, ``Conflict`` while another process is at it, ``UpstreamError`` when
        OpenRouter does not answer: then the keys that were done are done, and the day stays due.
        """
        key = self._key()
        await asyncio.to_thread(self._require_comparable, day)
        begin_ms, end_ms = day_bounds_ms(day, "UTC")
        about = _Day(
            day=day,
            begin_ms=begin_ms,
            end_ms=end_ms,
            now_ms=self._clock.now_ms(),
            management_key=key,
        )
        claim = secrets.token_hex(8)
        if not await self._claim(day, claim):
            raise Conflict(f"{day} is being reconciled by another process")
        try:
            lines, midnight, nameless = await self._lines(about, claim, progress)
        except BaseException as error:
            await self._release(about, claim, problem=str(error) or type(error).__name__)
            raise
        next_at_ms = _next_look_ms(lines, about, nameless=nameless)
        await self._release(about, claim, next_at_ms=next_at_ms, midnight=midnight)
        return DayResult(day=day, lines=lines, is_final=next_at_ms is None)

    def page(
        self, wanted: LineFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[ReconciliationRecord], int]:
        return self._store.page(wanted, offset=offset, limit=limit)

    def counters(self, *, offset: int, limit: int) -> tuple[Sequence[CounterLook], int]:
        return self._store.counters(offset=offset, limit=limit)

    def problems(self) -> Sequence[RunRecord]:
        """The days that could not be compared to their end, and why, oldest first."""
        first, last = self.comparable()
        runs = self._store.runs(first=first, last=last)
        return [run for _, run in sorted(runs.items()) if run.problem is not None]

    def _key(self) -> str:
        key = self._management_key()
        if key is None:
            raise ConfigurationError(
                "OPENROUTER_PROVISIONING_KEY is not set: without it OpenRouter tells no figures"
            )
        return key

    def _due(self) -> Sequence[date]:
        first, last = self.comparable()
        runs = self._store.runs(first=first, last=last)
        now_ms = self._clock.now_ms()
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [day for day in days if (run := runs.get(day)) is None or run.is_due(now_ms)]

    def _require_comparable(self, day: date) -> None:
        first, last = self.comparable()
        if not first <= day <= last:
            span = f"from {first} to {last}" if first <= last else f"from {first} on, once it ended"
            raise BadInput("date", got=day.isoformat(), expected=f"a completed UTC day {span}")

    async def _claim(self, day: date, claim: str) -> bool:
        now_ms = self._clock.now_ms()
        return await asyncio.to_thread(
            self._store.claim, day, claim=claim, now_ms=now_ms, until_ms=now_ms + _CLAIM_MS
        )

    async def _release(
        self,
        about: _Day,
        claim: str,
        *,
        next_at_ms: int | None = None,
        problem: str | None = None,
        midnight: Midnight | None = None,
    ) -> None:
        now_ms = self._clock.now_ms()
        await asyncio.to_thread(
            self._store.release,
            about.day,
            claim=claim,
            now_ms=now_ms,
            next_at_ms=now_ms if problem is not None else next_at_ms,
            problem=problem,
            midnight=midnight,
        )

    async def _lines(
        self, about: _Day, claim: str, progress: Progress
    ) -> tuple[Sequence[ReconciliationRecord], Midnight | None, int]:
        """The keys' lines, where calls across midnight turned out to count, and how many holds are
        left that nobody knows the key of."""
        holds = await asyncio.to_thread(self._unsettled, about)
        identified = await self._identification.identify(
            [one.hold for one in holds if one.state is HoldState.UNIDENTIFIED],
            management_key=about.management_key,
        )
        books = await asyncio.to_thread(self._read, about, identified)
        lines: list[ReconciliationRecord] = []
        seen: set[Midnight] = set()
        for done, key_hash in enumerate(books.keys):
            progress(done, len(books.keys))
            if not await self._claim(about.day, claim):
                raise Conflict(f"{about.day} was taken over by another process")
            comparison = await self._compared(about, books, key_hash)
            if comparison.midnight is not None:
                seen.add(comparison.midnight)
            line = await self._settled(about, books, key_hash, comparison)
            if line is not None:
                await asyncio.to_thread(self._gaps.keep, line)
                lines.append(line)
        nameless = [one for one in books.holds if not one.hold.key_hash]
        if about.given_up:
            lost = [one.hold for one in nameless if is_lost(one, books, given_up=True)]
            await self._close(about, lost)
            nameless = [one for one in nameless if one.hold not in lost]
        return lines, seen.pop() if len(seen) == 1 else None, len(nameless)

    def _read(self, about: _Day, identified: frozenset[str]) -> DayBooks:
        """What is not settled first, then what was adjusted, then what was captured: whatever is
        booked meanwhile is at worst seen as waiting."""
        runs = self._store.runs(first=about.day - timedelta(days=DAYS_KEPT), last=about.day)
        owners = self._store.owners()
        return DayBooks(
            owners=owners,
            holds=self._unsettled(about),
            adjusted=self._store.adjusted(about.day),
            captured=self._store.captured(
                from_ms=about.begin_ms, until_ms=about.end_ms, homes=homes_of(owners)
            ),
            identified=identified,
            midnight=habit_of(runs),
        )

    def _unsettled(self, about: _Day) -> Sequence[UnsettledHold]:
        homes = homes_of(self._store.owners())
        found = self._store.unsettled(from_ms=about.begin_ms, until_ms=about.end_ms)
        return [at_home(one, homes) for one in found]

    async def _compared(self, about: _Day, books: DayBooks, key_hash: str) -> Comparison:
        provider = await self._activity.day(
            about.day, key_hash=key_hash, management_key=about.management_key
        )
        return compare(
            books.captured.get(key_hash, Captured()),
            books.adjusted.get(key_hash, Adjusted()),
            provider,
            midnight=books.midnight,
        )

    async def _settled(
        self, about: _Day, books: DayBooks, key_hash: str, comparison: Comparison
    ) -> ReconciliationRecord | None:
        """Book what the comparison says is missing; ``None`` for a key that was not used."""
        held = [one for one in books.holds if one.hold.key_hash == key_hash]
        owner = books.owners.get(key_hash)
        lost = [one.hold for one in held if is_lost(one, books, given_up=about.given_up)]
        waiting = len(held) - len(lost)
        adjusted = books.adjusted.get(key_hash, Adjusted())
        if not held and not is_used(comparison, adjusted):
            return None
        adjusted_pusd, closed = adjusted.figures.raw_pusd, 0
        if waiting:
            finding = Finding.WAITING
            reason = f"{waiting} calls of this day are still being settled"
        else:
            unmarked = books.unmarked(owner, given_up=about.given_up)
            finding, reason = finding_of(comparison, adjusted, unmarked=unmarked)
            if finding is Finding.ADJUSTED and not comparison.is_equal:
                await self._book(about, books, key_hash, comparison, lost)
                adjusted_pusd += comparison.difference_pusd
            closed = await self._close(about, lost)
        line = ReconciliationRecord(
            day=about.day,
            key_hash=key_hash,
            organization_id=owner,
            finding=finding,
            reason=reason,
            is_below=comparison.is_below,
            captured=comparison.captured,
            adjusted_pusd=adjusted_pusd,
            provider=comparison.provider,
            models=comparison.models,
            identified=sum(one.hold.id in books.identified for one in held),
            closed_holds=closed,
            checked_at_ms=about.now_ms,
        )
        tell(line)
        return line

    async def _book(
        self,
        about: _Day,
        books: DayBooks,
        key_hash: str,
        comparison: Comparison,
        lost: Sequence[Hold],
    ) -> None:
        adjustment = await asyncio.to_thread(
            lambda: adjustment_of(
                comparison,
                day=about.day,
                begin_ms=about.begin_ms,
                key_hash=key_hash,
                owner=books.owners.get(key_hash),
                holds=lost,
                sequence=books.adjusted.get(key_hash, Adjusted()).sequence,
                price_of=lambda one, model: self._price_of(one, model, about.begin_ms),
                now_ms=about.now_ms,
            )
        )
        future = self._ledger.settle(adjustment.hold, adjustment.entry)
        if not await asyncio.wrap_future(future):
            raise Conflict(f"{about.day} was adjusted by another process")
        tally.add("adjustments booked")

    def _price_of(self, organization_id: str, model: str, at_ms: int) -> Price:
        organization = self._organizations.get(organization_id, at_ms=at_ms)
        organization = organization or self._organizations.get(UNASSIGNED, at_ms=at_ms)
        assert organization is not None  # noqa: S101 - made before anything else
        return organization.price_of(model, at_ms=at_ms)

    async def _close(self, about: _Day, lost: Sequence[Hold]) -> int:
        """Free the money of holds whose calls are paid by now, or were never billed."""
        reason = f"closed by the reconciliation of {about.day}"
        for hold in lost:
            await asyncio.wrap_future(self._ledger.void(hold, reason=reason))
        return len(lost)


def _next_look_ms(
    lines: Sequence[ReconciliationRecord], about: _Day, *, nameless: int
) -> int | None:
    if any(line.finding is Finding.WAITING for line in lines):
        return about.now_ms + _HOUR_MS
    final_ms = about.end_ms + _FINAL_MS
    if about.now_ms < final_ms:
        return final_ms
    # What has no key is in nobody's line, and keeps its money until it is given up.
    return max(about.now_ms + _HOUR_MS, about.end_ms + _GIVE_UP_MS) if nameless else None
