"""Before a call goes upstream: whose it is, what it may cost, and the hold that says so."""

import secrets
from concurrent.futures import Future
from dataclasses import dataclass

from mai_usage_ext.errors import QueueFull, Refused
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.metering.estimate import Request, estimate_pusd
from mai_usage_ext.metering.money import MAX_PUSD, billed_pusd
from mai_usage_ext.ports import Clock, Hold, Ledger, Prices
from mai_usage_ext.services.directory import Placement

__all__ = ["Admission", "Admitted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A hold on its way to the database; ``committed`` is ``None`` when there was no room."""

    hold: Hold
    committed: "Future[None] | None"


class Admission:
    """Makes the hold. Waiting for its commit is the caller's, who knows the event loop."""

    def __init__(
        self, ledger: Ledger, prices: Prices, *, owner: str, default_hold_pusd: int, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._owner = owner
        self._default_hold_pusd = default_hold_pusd
        self._clock = clock

    def admit(self, placement: Placement, request: Request, *, purpose: str) -> Admitted:
        """Queue the hold for one call.

        Raises ``Refused`` when the queue is full and the organization does not spend unchecked.
        """
        hold = self._hold(placement, request, purpose=purpose)
        try:
            return Admitted(hold=hold, committed=self._ledger.place(hold))
        except QueueFull:
            self.unchecked(placement)
            return Admitted(hold=hold, committed=None)

    def unchecked(self, placement: Placement) -> None:
        """The meter cannot check now: go on and count it, or refuse, as the organization says."""
        if placement.organization.blocks_on_meter_failure:
            tally.add("calls refused: meter unavailable")
            raise Refused(
                f"{placement.organization.name}: usage cannot be checked at the moment, and this "
                "organization does not spend unchecked. Please try again in a minute.",
                code=503,
            )
        tally.warn("calls admitted unchecked", "a call goes upstream before its hold is committed")

    def _hold(self, placement: Placement, request: Request, *, purpose: str) -> Hold:
        organization = placement.organization
        now_ms = self._clock.now_ms()
        day = billing_day(now_ms, organization.time_zone)
        price = self._prices.of(request.model) if request.model else None
        raw = estimate_pusd(request, price, default_pusd=self._default_hold_pusd)
        estimate = billed_pusd(
            raw, rate_micro=organization.rate_micro, fee_pusd=organization.fee_pusd
        )
        return Hold(
            id=f"{now_ms:012x}{secrets.token_hex(8)}",
            organization_id=organization.id,
            user_id=placement.user_id,
            model=request.model or "",
            purpose=purpose,
            estimate_pusd=min(estimate, MAX_PUSD),
            rate_micro=organization.rate_micro,
            fee_pusd=organization.fee_pusd,
            day=day,
            month=month_of(day),
            at_ms=now_ms,
            owner=self._owner,
        )
