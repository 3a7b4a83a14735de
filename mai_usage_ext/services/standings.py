"""Where a month stands beside its limit, for those who are bound by it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from mai_usage_ext.metering.days import billing_day, day_bounds_ms, month_days, month_of
from mai_usage_ext.metering.measures import percent
from mai_usage_ext.ports import Clock, OrganizationStore
from mai_usage_ext.ports.standings import MonthMoney, MonthMoneyStore
from mai_usage_ext.services.directory import Placement

__all__ = ["Standing", "Standings"]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Money of a month and its limit, ``None`` where there is none. ``on_limit`` is ``"block"`` or
    ``"alert"``; ``resets_at_ms`` is the first instant of the month to come."""

    limit_pusd: int | None
    money: MonthMoney
    on_limit: str
    resets_at_ms: int

    @property
    def remaining_pusd(self) -> int | None:
        """What calls may still take, never less than nothing."""
        if self.limit_pusd is None:
            return None
        return max(0, self.limit_pusd - self.money.spent_pusd - self.money.held_pusd)

    @property
    def used_percent(self) -> Decimal | None:
        """Of what is spent alone; more than 100 where a limit only alerts, or was lowered."""
        return None if self.limit_pusd is None else percent(self.money.spent_pusd, self.limit_pusd)


class Standings:
    def __init__(
        self, money: MonthMoneyStore, organizations: OrganizationStore, *, clock: Clock
    ) -> None:
        self._money = money
        self._organizations = organizations
        self._clock = clock

    def of(self, place: Placement) -> tuple[Standing, Standing | None]:
        """The organization's, and the user's own where they have a limit."""
        now_ms, organization = self._clock.now_ms(), place.organization
        today = billing_day(now_ms, organization.time_zone)
        month, resets_at_ms = month_of(today), self._reset_ms(place, month_days(today)[1] + _DAY)
        whole = Standing(
            limit_pusd=organization.monthly_limit_pusd,
            money=self._money.of_organization(organization.id, month),
            on_limit=organization.on_limit,
            resets_at_ms=resets_at_ms,
        )
        limit_pusd = self._own_limit(place, now_ms)
        if limit_pusd is None or place.user_id is None:
            return whole, None
        own = Standing(
            limit_pusd=limit_pusd,
            money=self._money.of_user(organization.id, month, place.user_id),
            # A user's limit always refuses.
            on_limit="block",
            resets_at_ms=resets_at_ms,
        )
        return whole, own

    def _reset_ms(self, place: Placement, first: date) -> int:
        """The first instant of that day, in the zone that will be in force then."""
        organization = place.organization
        at_ms, _ = day_bounds_ms(first, organization.time_zone)
        then = self._organizations.get(organization.id, at_ms=at_ms)
        if then is None or then.time_zone == organization.time_zone:
            return at_ms
        return day_bounds_ms(first, then.time_zone)[0]

    def _own_limit(self, place: Placement, now_ms: int) -> int | None:
        if not place.has_limit or place.user_id is None:
            return None
        membership = self._organizations.membership(place.user_id, at_ms=now_ms)
        if membership is None or membership.organization_id != place.organization.id:
            return None
        return membership.monthly_limit_pusd
