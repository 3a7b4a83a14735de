"""Live pages: who is told when the numbers of their organization's day have changed.

One poller for all pages of a process asks the database once a second, so a change made by another
worker or another machine arrives like one made here; who hears of a change sooner has it look at
once (``hurry``). It runs only while a page is open. Where each
reader belongs is asked anew in the same round, before anything is handed out: who moves is shown
the new organization, and the pages of who belongs nowhere end.

All of it lives in one event loop, except ``close``.
"""

import asyncio
import contextlib
import hashlib
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta

from mai_usage_ext.errors import NotRunning, StorageUnavailable
from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import (
    UNASSIGNED,
    Clock,
    LiveStore,
    Organization,
    OrganizationStore,
)
from mai_usage_ext.ports.live import LiveFigures
from mai_usage_ext.services.reports import DayUsage, Reports

__all__ = ["MOST_PER_USER", "Listener", "LiveUsage", "Update"]

MOST_PER_USER = 10
_EVERY_S = 1.0
# Many pages that open at once, after a restart, share a round.
_GATHER_S = 0.05
# Changes that somebody tells of share a round as well; pages that open do not wait so long.
_BETWEEN_CHANGES_S = 0.2
# The poller rests nine times as long as a round takes, so that it never becomes the load itself,
# but not so long that a server which wants to stop would have to wait for it.
_REST = 9
_LONGEST_REST_S = 5.0
_HEARTBEAT_S = 15.0
# The host looks at a reader's session when a stream begins, so every stream begins anew at times.
_LIFETIME_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """An organization's day as it is now. ``mark`` is equal for equal numbers, in any process."""

    organization_id: str
    usage: DayUsage
    as_of_ms: int
    mark: str

    @property
    def id(self) -> str:
        """Grows with time; the part behind the dash is the mark."""
        return f"{self.as_of_ms}-{self.mark}"

    @classmethod
    def of(cls, organization_id: str, usage: DayUsage, as_of_ms: int) -> "Update":
        totals = usage.totals
        parts = (
            organization_id,
            usage.day.isoformat(),
            totals.requests,
            totals.prompt_tokens,
            totals.completion_tokens,
            totals.billed_pusd,
            usage.unsettled,
        )
        mark = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
        return cls(organization_id=organization_id, usage=usage, as_of_ms=as_of_ms, mark=mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the last round found of one organization."""

    organization: Organization
    figures: LiveFigures
    update: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    places: Mapping[str, str]
    known: Mapping[str, _Known]


class Listener:
    """One open page. Whoever holds it closes it in the end."""

    def __init__(
        self,
        user_id: str,
        *,
        mark: str,
        heartbeat_s: float,
        lifetime_s: float,
        closed: Callable[["Listener"], None],
    ) -> None:
        self.user_id = user_id
        self._mark = mark
        self._heartbeat_s = heartbeat_s
        self._lifetime_s = lifetime_s
        self._closed = closed
        self._woken = asyncio.Event()
        self._next: Update | None = None
        self._is_up_to_date = False
        self._is_over = False

    async def updates(self) -> AsyncGenerator[Update | None, None]:
        """The present state unless the page has it already, then every new one; steps that come
        faster than they are taken are left out. ``None`` is a sign of life. Ends when told to."""
        ends_at = time.monotonic() + self._lifetime_s
        while not self._is_over:
            update, self._next = self._next, None
            if update is not None:
                self._mark = update.mark
                yield update
                continue
            wait_s = self._heartbeat_s
            if self._is_up_to_date:
                wait_s = min(wait_s, ends_at - time.monotonic())
            if wait_s <= 0:
                return
            if not await self._wake_up(wait_s):
                yield None

    def give(self, update: Update) -> None:
        """Hand out the present state; what the page shows already wakes nobody."""
        is_first, self._is_up_to_date = not self._is_up_to_date, True
        self._next = None if update.mark == self._mark else update
        if self._next is not None or is_first:
            self._woken.set()

    def end(self) -> None:
        """Let ``updates`` come to its end."""
        self._is_over = True
        self._woken.set()

    def close(self) -> None:
        """Free everything at once; safe to repeat."""
        self.end()
        self._closed(self)

    async def _wake_up(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


@dataclass(slots=True)
class _Poller:
    """The task of one event loop, and what wakes it before its time: ``hurry`` at once, a change
    that makes what is ``known`` outdated only when it has rested."""

    loop: asyncio.AbstractEventLoop
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    is_outdated: bool = False
    has_rested: bool = False
    known: Mapping[str, _Known] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None

    @property
    def is_done(self) -> bool:
        return self.task is not None and self.task.done()

    def outdated(self) -> None:
        self.is_outdated = True
        if self.has_rested:
            self.hurry.set()

    async def rest(self, rest_s: float, wait_s: float) -> None:
        """Wait for a reason to look again: ``wait_s`` at most, ``rest_s`` at least for a change."""
        if await self._hurried_within(rest_s):
            return
        self.has_rested = True
        if not self.is_outdated:
            await self._hurried_within(wait_s - rest_s)

    def begin(self) -> None:
        self.hurry.clear()
        self.is_outdated = self.has_rested = False

    async def _hurried_within(self, wait_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                return await self.hurry.wait()
        return False


class LiveUsage:
    """The listeners of one process. ``is_stopping`` says that its server waits for them to go."""

    def __init__(
        self,
        store: LiveStore,
        reports: Reports,
        *,
        organizations: OrganizationStore,
        clock: Clock,
        is_stopping: Callable[[], bool] = lambda: False,
        every_s: float = _EVERY_S,
        heartbeat_s: float = _HEARTBEAT_S,
        lifetime_s: float = _LIFETIME_S,
    ) -> None:
        self._store = store
        self._reports = reports
        self._organizations = organizations
        self._clock = clock
        self._is_stopping = is_stopping
        self._every_s = every_s
        self._heartbeat_s = heartbeat_s
        self._lifetime_s = lifetime_s
        self._listeners: set[Listener] = set()
        self._per_user: Counter[str] = Counter()
        self._poller: _Poller | None = None
        self._last_ms = 0
        self._is_closed = False
        self._looking = threading.Lock()

    @property
    def listening(self) -> int:
        return len(self._listeners)

    def listen(self, user_id: str, *, last_id: str | None = None) -> Listener | None:
        """A listener that is told the present state first, unless ``last_id`` names it.

        ``None`` where the user has ``MOST_PER_USER`` already. Raises ``NotRunning``.
        """
        if self._is_closed:
            raise NotRunning("the host is shutting down")
        if self._per_user[user_id] >= MOST_PER_USER:
            return None
        listener = Listener(
            user_id,
            mark=(last_id or "").rpartition("-")[2],
            heartbeat_s=self._heartbeat_s,
            lifetime_s=self._lifetime_s,
            closed=self._left,
        )
        self._listeners.add(listener)
        self._per_user[user_id] += 1
        self._running_poller().hurry.set()
        return listener

    def hurry(self, organization_ids: Collection[str] = ()) -> None:
        """Look at once where a page shows one of these organizations, or any; from any thread."""
        poller = self._poller
        if poller is None or (
            organization_ids and poller.known.keys().isdisjoint(organization_ids)
        ):
            return
        with contextlib.suppress(RuntimeError):
            poller.loop.call_soon_threadsafe(poller.outdated)

    def close(self) -> None:
        """End every stream and wait for the round under way; from any thread."""
        self._is_closed = True
        poller = self._poller
        if poller is not None:
            # A loop that is closed has no streams either.
            with contextlib.suppress(RuntimeError):
                poller.loop.call_soon_threadsafe(self._end_all)
        with self._looking:
            pass

    def _left(self, listener: Listener) -> None:
        if listener not in self._listeners:
            return
        self._listeners.remove(listener)
        self._per_user[listener.user_id] -= 1
        # Zeros would stay for ever.
        self._per_user += Counter()
        if not self._listeners and self._poller is not None:
            if self._poller.task is not None:
                self._poller.task.cancel()
            self._poller = None

    def _end_all(self) -> None:
        for listener in self._listeners:
            listener.end()

    def _running_poller(self) -> _Poller:
        loop, poller = asyncio.get_running_loop(), self._poller
        if poller is None or poller.loop is not loop or poller.is_done:
            poller = self._poller = _Poller(loop)
            # A context of its own: nothing of the request that came first lives on in it.
            poller.task = loop.create_task(self._work(poller), context=Context())
        return poller

    async def _work(self, poller: _Poller) -> None:
        while not self._is_closed and not self._is_stopping():
            await asyncio.sleep(_GATHER_S)
            poller.begin()
            began = time.monotonic()
            with shielded("looking for live changes"):
                poller.known = await self._round(poller.known)
            took_s = time.monotonic() - began
            rest_s = min(_REST * took_s, _LONGEST_REST_S)
            wait_s = max(self._every_s - took_s - _GATHER_S, rest_s)
            await poller.rest(min(max(rest_s, _BETWEEN_CHANGES_S), wait_s), wait_s)
        self._end_all()

    async def _round(self, known: Mapping[str, _Known]) -> Mapping[str, _Known]:
        """One look for those who listen now, and what it means to each of them."""
        listeners = tuple(self._listeners)
        users = {listener.user_id for listener in listeners}
        try:
            found = await asyncio.to_thread(self._look, users, known)
        except StorageUnavailable as error:
            # The next round looks at the same data.
            tally.warn("live pages delayed", f"live pages have to wait: {error}")
            return known
        for listener in listeners:
            place = found.known.get(found.places.get(listener.user_id, UNASSIGNED))
            if place is None:
                listener.end()
            else:
                listener.give(place.update)
        return found.known

    def _look(self, users: Collection[str], known: Mapping[str, _Known]) -> _Round:
        with self._looking:
            if self._is_closed:
                return _Round(places={}, known={})
            now_ms = self._clock.now_ms()
            places = self._store.places(users, at_ms=now_ms)
            organizations = set(places.values()) - {UNASSIGNED}
            # It is one of these days everywhere in the world.
            day = billing_day(now_ms, "UTC")
            figures = self._store.figures(
                organizations, first=day - timedelta(days=1), last=day + timedelta(days=1)
            )
            present = {
                organization_id: self._present(
                    organization_id,
                    figures.get(organization_id, frozenset()),
                    before=known.get(organization_id),
                    now_ms=now_ms,
                )
                for organization_id in organizations
            }
            return _Round(
                places=places,
                known={name: each for name, each in present.items() if each is not None},
            )

    def _present(
        self, organization_id: str, figures: LiveFigures, *, before: _Known | None, now_ms: int
    ) -> _Known | None:
        if before is not None and before.figures == figures:
            today = billing_day(now_ms, before.organization.time_zone)
            if today == before.update.usage.day:
                return before
        organization = self._organizations.get(organization_id, at_ms=now_ms)
        if organization is None:
            return None
        usage, as_of_ms = self._reports.today(organization)
        # The clock may be set back; ids grow all the same.
        self._last_ms = max(self._last_ms + 1, as_of_ms)
        update = Update.of(organization_id, usage, self._last_ms)
        return _Known(organization=organization, figures=figures, update=update)
