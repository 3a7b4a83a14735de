"""Rates of currencies: entered, fetched, and the one that a statement is converted with.

A statement takes the rate of its month's last day, or the last one before it where none was
published that day. A rate that is more than ten days older is none: nothing is silent that long.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from mai_usage_ext.errors import BadInput, Conflict, NotFound, UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.currencies import USD, decimals_of, rate_of
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Actor, Clock, UnitOfWork
from mai_usage_ext.ports.rates import FxRate, QuotedRate, RateKind, RateSource, RateStore
from mai_usage_ext.services.audit import Audit

__all__ = ["DAYS_BACK", "Rates"]

DAYS_BACK = 10
# So far back a currency is asked for that nothing is stored of: a statement of the month before.
_FIRST_DAYS = 45
_LONGEST_NOTE = 200
_NAMES = {RateKind.ECB: "the ECB", RateKind.NBP: "NBP"}


class Rates:
    """``kind_of`` says where a currency's rates come from."""

    def __init__(
        self,
        store: RateStore,
        sources: Mapping[RateKind, RateSource],
        *,
        kind_of: Callable[[str], RateKind],
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sources = sources
        self._kind_of = kind_of
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def of(self, currency: str, day: date) -> tuple[FxRate | None, str]:
        """The rate of a statement whose month ends with ``day``, as far as is known, and why it is
        not known for certain, ``""`` where it is."""
        decimals_of(currency)
        kind = self._kind_of(currency)
        found = self._store.latest(currency, through=day, sources=(kind, RateKind.MANUAL))
        if found is None or (day - found.day).days > DAYS_BACK:
            return None, self._missing(currency, day, kind)
        if found.day == day or kind is RateKind.MANUAL:
            return found, ""
        # Whether nothing was published that day is known once something was published after it.
        latest = self._store.latest(currency, through=date.max, sources=(kind,))
        if latest is not None and latest.day > day:
            return found, ""
        return found, (
            f"whether {_NAMES[kind]} publishes a rate of {currency} for {day} is not known yet, "
            f"the last one is of {found.day}; it is fetched every few hours, "
            f"or enter a rate of {day} (POST billing/rates)"
        )

    def required(self, currency: str, day: date) -> FxRate:
        """Raises ``Conflict`` that names the currency and the day and says what to do."""
        rate, problem = self.of(currency, day)
        if rate is None or problem:
            raise Conflict(problem, field="billing_currency")
        return rate

    def enter(
        self, *, currency: str, day: date, rate: object, note: str = "", actor: Actor
    ) -> FxRate:
        """An admin's own rate, in the place of an earlier one of that day. Raises ``BadInput``."""
        decimals_of(currency)
        if currency == USD:
            raise BadInput("currency", got=currency, expected="another currency than USD")
        if day > self._today() + timedelta(days=1):
            raise BadInput("date", got=day.isoformat(), expected="a day that is not in the future")
        if len(note) > _LONGEST_NOTE or not note.isprintable():
            raise BadInput("note", got=note, expected=f"at most {_LONGEST_NOTE} characters")
        new = FxRate(
            currency=currency,
            day=day,
            source=RateKind.MANUAL,
            rate=rate_of(rate),
            note=note,
            fetched_at_ms=self._clock.now_ms(),
            entered_by=actor.id,
        )
        with self._unit_of_work():
            old = self._store.get(currency, day, RateKind.MANUAL)
            self._store.put([new])
            self._record("rate.entered", actor, new, before=_said(old), after=_said(new))
        return new

    def remove(self, *, currency: str, day: date, actor: Actor) -> None:
        """Take an admin's rate away; statements that are closed keep it. Raises ``NotFound``."""
        with self._unit_of_work():
            old = self._store.get(currency, day, RateKind.MANUAL)
            if old is None or not self._store.remove(currency, day, RateKind.MANUAL):
                raise NotFound(f"nobody has entered a rate of {currency!r} for {day}")
            self._record("rate.removed", actor, old, before=_said(old), after=None)

    def page(
        self, *, currency: str | None, source: RateKind | None, offset: int, limit: int
    ) -> tuple[Sequence[FxRate], int]:
        """Newest day first."""
        return self._store.page(currency=currency, source=source, offset=offset, limit=limit)

    async def run_once(self) -> int:
        """Fetch what was published since the last look; return how many rates came.

        A source that does not answer is counted and asked again by the next run.
        """
        wanted = await asyncio.to_thread(self._wanted)
        today, fetched = self._today(), 0
        for kind, since in wanted.items():
            source = self._sources[kind]
            try:
                quoted = await source.published(
                    sorted(since), since=min(since.values()), today=today
                )
            except UpstreamError as error:
                tally.warn("rates not fetched", f"{_NAMES[kind]}: {error}")
                continue
            await asyncio.to_thread(self._store.put, [self._fetched(one, kind) for one in quoted])
            fetched += len(quoted)
        return fetched

    def _wanted(self) -> dict[RateKind, dict[str, date]]:
        """By source, the currencies and the day from which on each is wanted."""
        today = self._today()
        earliest = today - timedelta(days=_FIRST_DAYS)
        wanted: defaultdict[RateKind, dict[str, date]] = defaultdict(dict)
        for currency in self._store.currencies():
            kind = self._kind_of(currency)
            if kind not in self._sources:
                continue
            last = self._store.latest(currency, through=date.max, sources=(kind,))
            since = earliest if last is None else max(earliest, last.day + timedelta(days=1))
            if since <= today:
                wanted[kind][currency] = since
        return wanted

    def _fetched(self, one: QuotedRate, kind: RateKind) -> FxRate:
        return FxRate(
            currency=one.currency,
            day=one.day,
            source=kind,
            rate=one.rate,
            note=one.note,
            fetched_at_ms=self._clock.now_ms(),
        )

    def _missing(self, currency: str, day: date, kind: RateKind) -> str:
        start = f"there is no rate of {currency} for {day} or the {DAYS_BACK} days before"
        enter = f"enter a rate of {currency} for {day} (POST billing/rates)"
        if kind is RateKind.MANUAL:
            return f"{start}; {enter}"
        return f"{start}; {_NAMES[kind]} is asked for it every few hours, else {enter}"

    def _today(self) -> date:
        return billing_day(self._clock.now_ms(), "UTC")

    def _record(
        self,
        action: str,
        actor: Actor,
        rate: FxRate,
        *,
        before: Mapping[str, str] | None,
        after: Mapping[str, str] | None,
    ) -> None:
        self._audit.record(
            actor=actor,
            action=action,
            target_kind="rate",
            target_id=f"{rate.currency} {rate.day}",
            before=before,
            after=after,
        )


def _said(rate: FxRate | None) -> dict[str, str] | None:
    return None if rate is None else {"rate": format(rate.rate, "f"), "note": rate.note}
