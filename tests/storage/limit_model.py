"""The rules of limits, told once more in plain Python, for the machine that compares."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mai_usage_ext.ports import Hold, HoldState, LedgerEntry, Verdict
from mai_usage_ext.storage.changes import Change, Defer, Identify, Place, Settle, Void

__all__ = ["Account", "Model", "ModelHold"]

CLOSED = {HoldState.SETTLED, HoldState.VOID, HoldState.DUPLICATE}


@dataclass
class Account:
    """What an organization has agreed to: its limit, its prices with dates, its zone."""

    limit: int | None
    zone: str
    prices: dict[int, int]
    is_hard: bool = True
    next_zone: str | None = None
    next_zone_from_ms: int = 0

    def rate_at(self, at_ms: int) -> int:
        return self.prices[max(since for since in self.prices if since <= at_ms)]

    def set_rate(self, rate: int, at_ms: int) -> None:
        if rate != self.rate_at(at_ms):
            while at_ms in self.prices:
                at_ms += 1
            self.prices[at_ms] = rate

    def zone_at(self, at_ms: int) -> str:
        if self.next_zone is not None and self.next_zone_from_ms <= at_ms:
            return self.next_zone
        return self.zone

    def day_at(self, at_ms: int) -> date:
        instant = datetime.fromtimestamp(at_ms / 1000, UTC)
        return instant.astimezone(ZoneInfo(self.zone_at(at_ms))).date()

    def set_zone(self, wanted: str, at_ms: int) -> None:
        """From the end of the present day on."""
        self.zone, waits = self.zone_at(at_ms), self.next_zone_from_ms > at_ms
        planned = self.next_zone if waits else None
        self.next_zone, self.next_zone_from_ms = planned, self.next_zone_from_ms if waits else 0
        if wanted == (planned or self.zone):
            return
        self.next_zone = None
        if wanted != self.zone:
            tomorrow = self.day_at(at_ms) + timedelta(days=1)
            midnight = datetime.combine(tomorrow, time.min, tzinfo=ZoneInfo(self.zone))
            self.next_zone = wanted
            self.next_zone_from_ms = int(midnight.astimezone(UTC).timestamp() * 1000)


@dataclass
class ModelHold:
    hold: Hold
    estimate: int
    state: HoldState = HoldState.OPEN
    generation_id: str | None = None

    @property
    def keeps(self) -> int:
        return 0 if self.state in CLOSED else self.estimate


@dataclass
class Model:
    """``members`` says where each user is, and their own limit there."""

    accounts: dict[str, Account] = field(default_factory=dict)
    members: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    holds: dict[str, ModelHold] = field(default_factory=dict)
    ledger: dict[str, LedgerEntry] = field(default_factory=dict)
    watched: set[tuple[str, str, str]] = field(default_factory=set)
    grants: int = 0
    refusals: int = 0

    def spent(self, organization: str, month: str, user: str | None = None) -> int:
        return sum(
            entry.billed_pusd
            for entry in self.ledger.values()
            if entry.organization_id == organization
            and f"{entry.day:%Y-%m}" == month
            and user in (None, entry.user_id)
        )

    def held(self, organization: str, month: str, user: str | None = None) -> int:
        return sum(
            known.keeps
            for known in self.holds.values()
            if known.hold.organization_id == organization
            and known.hold.month == month
            and user in (None, known.hold.user_id)
        )

    def commit(self, group: Iterable[Change]) -> list[bool | Verdict | None]:
        """What each change of a group should be told."""
        changes = list(group)
        self._watch(changes)
        return [self._take(change) for change in changes]

    def _watch(self, changes: Iterable[Change]) -> None:
        """A user's month is counted from the first hold on that met a limit of theirs."""
        for change in changes:
            if not isinstance(change, Place) or not change.has_user_limit:
                continue
            hold = change.hold
            if self._user_limit(hold) is not None:
                self.watched.add((hold.organization_id, hold.month, hold.user_id or ""))

    def _take(self, change: Change) -> bool | Verdict | None:
        match change:
            case Place():
                return self._place(change)
            case Settle():
                return self._settle(change.hold, change.entry)
            case Identify():
                self._identify(change.hold, change.generation_id)
            case Void():
                self._void(change.hold)
            case Defer():
                self._defer(change)
        return None

    def _place(self, change: Place) -> Verdict:
        hold, wanted = change.hold, change.hold.estimate_pusd
        for limit, user in self._limits(hold):
            spent = self.spent(hold.organization_id, hold.month, user)
            held = self.held(hold.organization_id, hold.month, user)
            left = limit - spent - held
            if wanted <= left:
                continue
            if change.least_pusd is None or left < change.least_pusd:
                self.refusals += 1
                return Verdict(
                    granted_pusd=None,
                    limit_pusd=limit,
                    spent_pusd=spent,
                    held_pusd=held,
                    is_users=user is not None,
                )
            wanted = left
        self.holds[hold.id] = ModelHold(hold, wanted)
        self.grants += 1
        for limit, user in self._limits(hold):
            taken = self.spent(hold.organization_id, hold.month, user)
            taken += self.held(hold.organization_id, hold.month, user)
            assert taken <= limit, "granted past a limit"
        return Verdict(granted_pusd=wanted)

    def _limits(self, hold: Hold) -> Iterable[tuple[int, str | None]]:
        account = self.accounts[hold.organization_id]
        if account.limit is not None and account.is_hard:
            yield account.limit, None
        own = self._user_limit(hold)
        if own is not None and (hold.organization_id, hold.month, hold.user_id) in self.watched:
            yield own, hold.user_id

    def _user_limit(self, hold: Hold) -> int | None:
        organization, limit = self.members[hold.user_id or ""]
        return limit if organization == hold.organization_id else None

    def _settle(self, hold: Hold, entry: LedgerEntry) -> bool:
        known = self.holds.get(hold.id)
        if entry.generation_id in self.ledger:
            if known is not None and known.state not in CLOSED:
                known.state = HoldState.DUPLICATE
            return False
        self.ledger[entry.generation_id] = entry
        if known is not None and known.state not in (HoldState.SETTLED, HoldState.DUPLICATE):
            known.state = HoldState.SETTLED
        return True

    def _identify(self, hold: Hold, generation_id: str) -> None:
        known = self.holds.get(hold.id)
        if known is None or known.state in CLOSED or known.generation_id is not None:
            return
        known.generation_id = generation_id
        if known.state is HoldState.UNIDENTIFIED:
            known.state = HoldState.PENDING

    def _void(self, hold: Hold) -> None:
        known = self.holds.get(hold.id)
        if known is not None and known.state not in CLOSED:
            known.state = HoldState.VOID

    def _defer(self, change: Defer) -> None:
        hold = change.hold
        known = self.holds.setdefault(hold.id, ModelHold(hold, hold.estimate_pusd))
        if known.state in CLOSED:
            return
        known.generation_id = change.generation_id or known.generation_id
        known.state = change.state
        if known.state is HoldState.PENDING and known.generation_id is None:
            known.state = HoldState.UNIDENTIFIED

    def adopt(self, dead: set[str]) -> None:
        """Open holds of processes without a lease wait for their settlement."""
        for known in self.holds.values():
            if known.state is HoldState.OPEN and known.hold.owner in dead:
                identified = known.generation_id is not None
                known.state = HoldState.PENDING if identified else HoldState.UNIDENTIFIED

    def months(self) -> set[tuple[str, str]]:
        """Every organization and month that has anything."""
        found = {(known.hold.organization_id, known.hold.month) for known in self.holds.values()}
        entries = self.ledger.values()
        return found | {(entry.organization_id, f"{entry.day:%Y-%m}") for entry in entries}

    def by_cell(self) -> dict[tuple[str, date, str], tuple[int, int]]:
        """Requests and billed money by organization, day and user."""
        cells: dict[tuple[str, date, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        for entry in self.ledger.values():
            key = (entry.organization_id, entry.day, entry.user_id or "")
            requests, billed = cells[key]
            cells[key] = requests + 1, billed + entry.billed_pusd
        return dict(cells)
