"""Before a call goes upstream: whose it is, what it may cost, and the hold that says so."""

import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from mai_usage_ext.errors import QueueFull
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.metering.estimate import ModelPrice, Request, estimate, tokens_within
from mai_usage_ext.metering.money import MAX_PUSD, billed_pusd
from mai_usage_ext.metering.purposes import is_task
from mai_usage_ext.ports import (
    Clock,
    Hold,
    KeyState,
    Ledger,
    Organization,
    OrganizationKey,
    Prices,
    Verdict,
)
from mai_usage_ext.services.directory import Placement
from mai_usage_ext.services.refusals import key_refusal, limit_refusal, unchecked_refusal

__all__ = ["Admission", "Application", "Dispatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A hold that was asked for; ``decided`` is ``None`` when there was no room to ask."""

    hold: Hold
    placement: Placement
    request: Request
    price: ModelPrice | None
    decided: "Future[Verdict] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A call that may go: its hold, and what of the request has to be changed.

    ``bearer`` replaces the host's key, ``user`` names the user to OpenRouter, ``max_tokens`` is to
    be sent where the hold had to be made smaller. ``None`` leaves the request as it is.
    """

    hold: Hold
    bearer: str | None
    user: str | None
    max_tokens: int | None


class Admission:
    """Asks for the hold. Waiting for the answer is the caller's, who knows the event loop."""

    def __init__(
        self,
        ledger: Ledger,
        prices: Prices,
        *,
        owner: str,
        default_hold_pusd: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._owner = owner
        self._default_hold_pusd = default_hold_pusd
        self._clock = clock

    def apply(
        self,
        placement: Placement,
        request: Request,
        *,
        purpose: str,
        may_cut: bool = True,
        bearer: str | None = None,
        may_swap: bool = True,
    ) -> Application:
        """Queue the hold for one call; ``may_cut`` says that its answer can be bounded. ``bearer``
        is the key the host sends it with, ``may_swap`` that the organization's goes in its place.

        Raises ``Refused`` for an organization that is deactivated or whose key cannot be used, and
        when the queue is full and the organization does not spend unchecked.
        """
        organization = placement.organization
        self._check_standing(organization)
        price = self._prices.of(request.model) if request.model else None
        hold, least = self._hold(placement, request, price, purpose=purpose)
        own = organization.key if may_swap else None
        hold = replace(hold, key_hash=_hash_of(own, bearer))
        try:
            decided = self._ledger.place(
                hold,
                least_pusd=least if may_cut else None,
                has_user_limit=placement.has_limit,
            )
        except QueueFull:
            self.unchecked(placement)
            decided = None
        return Application(
            hold=hold, placement=placement, request=request, price=price, decided=decided
        )

    def decide(self, application: Application, verdict: Verdict | None) -> Dispatch:
        """What the verdict means for the call; without one it goes unchecked, as it may.

        Raises ``Refused`` with the sentence that the chat shows.
        """
        hold, placement = application.hold, application.placement
        max_tokens = None
        if verdict is not None and verdict.granted_pusd is None:
            # Nobody waits for a background task, so its refusal is no news.
            quiet = is_task(hold.purpose)
            tally.add(
                "background tasks refused by a limit" if quiet else "calls refused by a limit"
            )
            raise limit_refusal(placement.organization, verdict, hold)
        if verdict is not None and verdict.granted_pusd != hold.estimate_pusd:
            hold, max_tokens = self._smaller(application, verdict)
        key = placement.organization.key
        return Dispatch(
            hold=hold,
            bearer=key.secret,
            user=placement.openrouter_user_id,
            max_tokens=max_tokens,
        )

    def unchecked(self, placement: Placement) -> None:
        """The meter cannot check now: go on and count it, or refuse, as the organization says."""
        if placement.blocks_on_meter_failure:
            tally.add("calls refused: meter unavailable")
            raise unchecked_refusal(placement.organization)
        tally.warn("calls admitted unchecked", "a call goes upstream before its hold is committed")

    def let_go(self, application: Application) -> None:
        """A call goes on before its hold was decided, if its organization lets it; then the hold
        stands even where the limit refuses it afterwards. Raises ``Refused``."""
        self.unchecked(application.placement)
        self._ledger.insist(application.hold)

    def unmetered(self, placement: Placement) -> None:
        """A fault of ours leaves a call without a hold: it goes on, unless its organization does
        not spend unchecked, or has a key that the host's would stand in for. Raises ``Refused``."""
        if placement.organization.key.state is not KeyState.NONE:
            raise unchecked_refusal(placement.organization)
        self.unchecked(placement)

    def _check_standing(self, organization: Organization) -> None:
        state = organization.key.state
        if organization.is_active and state in (KeyState.NONE, KeyState.ACTIVE):
            return
        tally.add("calls refused: organization or key inactive")
        raise key_refusal(organization)

    def _smaller(self, application: Application, verdict: Verdict) -> tuple[Hold, int | None]:
        hold, price = application.hold, application.price
        granted = verdict.granted_pusd
        assert granted is not None  # noqa: S101 - the caller looked
        tally.add("holds made smaller to fit a limit")
        hold = replace(hold, estimate_pusd=granted)
        if price is None:
            return hold, None
        return hold, tokens_within(
            granted,
            application.request,
            price,
            rate_micro=hold.rate_micro,
            fee_pusd=hold.fee_pusd,
        )

    def _hold(
        self,
        placement: Placement,
        request: Request,
        price: ModelPrice | None,
        *,
        purpose: str,
    ) -> tuple[Hold, int | None]:
        """The hold, and how small it may be made."""
        organization = placement.organization
        now_ms = self._clock.now_ms()
        day = billing_day(now_ms, organization.time_zone)
        markup = organization.price_of(request.model or "", at_ms=now_ms)
        raw = estimate(request, price, default_pusd=self._default_hold_pusd())

        def billed(pusd: int) -> int:
            amount = billed_pusd(pusd, rate_micro=markup.rate_micro, fee_pusd=markup.fee_pusd)
            return min(amount, MAX_PUSD)

        hold = Hold(
            id=f"{now_ms:012x}{secrets.token_hex(8)}",
            organization_id=organization.id,
            user_id=placement.user_id,
            model=request.model or "",
            purpose=purpose,
            estimate_pusd=billed(raw.raw_pusd),
            rate_micro=markup.rate_micro,
            fee_pusd=markup.fee_pusd,
            day=day,
            month=month_of(day),
            at_ms=now_ms,
            owner=self._owner,
        )
        return hold, None if raw.least_pusd is None else billed(raw.least_pusd)


def _hash_of(own: OrganizationKey | None, bearer: str | None) -> str:
    """OpenRouter's hash of the key that a call carries, or nothing where it carries none."""
    if own is not None and own.secret is not None:
        bearer = own.secret
        if own.hash is not None:
            return own.hash
    return hashlib.sha256(bearer.encode()).hexdigest() if bearer else ""
