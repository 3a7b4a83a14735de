"""What a rule finds that no single transaction could: spikes, silence, gaps, and what is stuck."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from mai_usage_ext.metering.measures import mean
from mai_usage_ext.metering.money import pusd_from_usd, usd_from_pusd
from mai_usage_ext.ports.alert_facts import AlertFacts, DayFact, WatchedOrganization
from mai_usage_ext.ports.alerts import AlertCondition, AlertRule, RuleKind, RuleLevel

__all__ = ["Conditions"]

_WINDOW = 28
_WEEK = 7
# So many days of the usual there must be: whoever has just begun has no usual.
_FEWEST = {"weekday": 3, "days": 7}
_QUIET_WINDOW = 14
_HOUR_MS = 3_600_000
# As long as OpenRouter's figures of a day can be asked for.
_CAPTURE_DAYS = 30
# What the check of the keys cannot mend by itself.
_BAD_KEYS = ("lost", "needs_reentry")

Days = Mapping[date, DayFact]
Judge = Callable[[AlertRule, WatchedOrganization, Days], AlertCondition | None]


class Conditions:
    """One look: every fact is read once, however many rules ask for it."""

    def __init__(
        self, facts: AlertFacts, organizations: Sequence[WatchedOrganization], *, now_ms: int
    ) -> None:
        self._facts = facts
        self._organizations = organizations
        self._now_ms = now_ms
        self._days: dict[str | None, Mapping[str, Days]] = {}

    def of(self, rule: AlertRule) -> Iterator[AlertCondition]:
        """What holds now of this rule."""
        match rule.kind:
            case RuleKind.SPIKE:
                yield from self._of_days(rule, _spike)
            case RuleKind.QUIET:
                yield from self._of_days(rule, _quiet)
            case RuleKind.CAPTURE:
                yield from self._captures(rule)
            case RuleKind.PENDING:
                yield from self._old_holds(rule)
            case RuleKind.KEY:
                yield from self._keys(rule)

    def _watched(self, rule: AlertRule) -> list[WatchedOrganization]:
        wanted = rule.organization_id
        return [one for one in self._organizations if wanted in (None, one.id)]

    def _of_days(self, rule: AlertRule, judge: Judge) -> Iterator[AlertCondition]:
        days = self._read(rule.user_id if rule.level is RuleLevel.USER else None)
        for one in self._watched(rule):
            # A user's own rule looks at the organizations where that user is.
            found = judge(rule, one, days.get(one.id, {}))
            if found is not None:
                yield found

    def _read(self, user_id: str | None) -> Mapping[str, Days]:
        if user_id not in self._days and self._organizations:
            todays = [one.today for one in self._organizations]
            # The longest look back is that of silence, over its window and before it.
            first = min(todays) - timedelta(days=_WINDOW + _QUIET_WINDOW + 1)
            self._days[user_id] = self._facts.days(first, max(todays), user_id=user_id)
        return self._days.get(user_id, {})

    def _captures(self, rule: AlertRule) -> Iterator[AlertCondition]:
        wanted = Decimal(rule.parameters["percent"])
        ids = {one.id for one in self._watched(rule)}
        if not ids:
            return
        since = min(one.today for one in self._organizations) - timedelta(days=_CAPTURE_DAYS)
        for fact in self._facts.captures(since=since):
            is_below = fact.captured_pusd * 100 < wanted * fact.provider_pusd
            if fact.organization_id in ids and fact.is_final and is_below:
                yield AlertCondition(
                    rule=rule,
                    kind="capture.below",
                    # As the day's comparison itself names it.
                    subject=f"{fact.day.isoformat()} {fact.key_hash}",
                    organization_id=fact.organization_id,
                    period=f"{fact.day:%Y-%m}",
                    spent_pusd=fact.captured_pusd,
                    limit_pusd=fact.provider_pusd,
                    facts={"day": fact.day.isoformat(), "key_hash": fact.key_hash},
                )

    def _old_holds(self, rule: AlertRule) -> Iterator[AlertCondition]:
        before_ms = self._now_ms - rule.parameters["hours"] * _HOUR_MS
        holds = self._facts.old_holds(before_ms=before_ms)
        for one in self._watched(rule):
            if found := holds.get(one.id):
                hours = (self._now_ms - found.oldest_at_ms) // _HOUR_MS
                yield AlertCondition(
                    rule=rule,
                    kind="pending.old",
                    subject=f"{rule.id}/{one.id}/{one.today.isoformat()}",
                    organization_id=one.id,
                    limit_pusd=found.held_pusd,
                    facts={"calls": found.count, "oldest_hours": hours},
                )

    def _keys(self, rule: AlertRule) -> Iterator[AlertCondition]:
        for one in self._watched(rule):
            if one.key_problem is not None or one.key_state in _BAD_KEYS:
                yield AlertCondition(
                    rule=rule,
                    kind="key.trouble",
                    subject=f"{rule.id}/{one.id}/{one.today.isoformat()}",
                    organization_id=one.id,
                    period=one.today.isoformat(),
                    facts={"problem": one.key_problem or f"the key is {one.key_state}"},
                )


def _spike(rule: AlertRule, one: WatchedOrganization, days: Days) -> AlertCondition | None:
    day = one.today - timedelta(days=rule.parameters["day"] == "yesterday")
    spent = _billed(days, day)
    usual = _usual(day, days, rule.parameters["basis"])
    if usual is None or spent < pusd_from_usd(rule.parameters["floor"]):
        return None
    if spent <= Decimal(rule.parameters["factor"]) * usual:
        return None
    return AlertCondition(
        rule=rule,
        kind="usage.spike",
        subject=f"{rule.id}/{one.id}/{rule.user_id or ''}/{day.isoformat()}",
        organization_id=one.id,
        user_id=rule.user_id,
        period=day.isoformat(),
        spent_pusd=spent,
        limit_pusd=usual,
        facts={"spent": usd_from_pusd(spent), "usual": usd_from_pusd(usual)},
    )


def _usual(day: date, days: Days, basis: str) -> int | None:
    """The median of the days before it, of the same weekday or all; ``None`` of too few."""
    step = _WEEK if basis == "weekday" else 1
    before = [day - timedelta(days=back) for back in range(step, _WINDOW + 1, step)]
    begun = min(days, default=day)
    known = [_billed(days, one) for one in before if one >= begun]
    if len(known) < _FEWEST[basis]:
        return None
    known.sort()
    middle = len(known) // 2
    # Of an odd number of days both are the same one.
    return mean(known[middle] + known[~middle], 2)


def _quiet(rule: AlertRule, one: WatchedOrganization, days: Days) -> AlertCondition | None:
    used = [day for day, fact in days.items() if fact.requests and day <= one.today]
    if not used:
        return None
    last = max(used)
    silent = (one.today - last).days - 1
    begin = last - timedelta(days=_QUIET_WINDOW - 1)
    active = sum(begin <= day for day in used)
    if silent < rule.parameters["quiet_days"] or active < rule.parameters["active_days"]:
        return None
    return AlertCondition(
        rule=rule,
        kind="usage.quiet",
        subject=f"{rule.id}/{one.id}/{rule.user_id or ''}/{last.isoformat()}",
        organization_id=one.id,
        user_id=rule.user_id,
        facts={"last_day": last.isoformat(), "silent_days": silent, "active_days": active},
    )


def _billed(days: Days, day: date) -> int:
    fact = days.get(day)
    return 0 if fact is None else fact.billed_pusd
