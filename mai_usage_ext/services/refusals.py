"""The sentences a person reads when a call of theirs does not go upstream."""

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

from mai_usage_ext.errors import Refused
from mai_usage_ext.metering.days import month_days
from mai_usage_ext.metering.money import PICO
from mai_usage_ext.ports import Hold, KeyState, Organization, Verdict

__all__ = ["key_refusal", "limit_refusal", "unchecked_refusal"]

_KEY_SENTENCES = {
    KeyState.DISABLED: "its OpenRouter key is switched off",
    KeyState.LOST: "OpenRouter does not know its key any more",
    KeyState.UNREADABLE: "its OpenRouter key cannot be read and has to be entered again",
}


def limit_refusal(organization: Organization, verdict: Verdict, hold: Hold) -> Refused:
    """A 402 that names the organization, its limit, what is spent, and when the month begins anew.

    A user's own limit is told as theirs.
    """
    _, last_day = month_days(hold.day)
    begins = (last_day + timedelta(days=1)).isoformat()
    whose = "Your own monthly limit" if verdict.is_users else "The monthly limit"
    spent, limit = _usd(verdict.spent_pusd), _usd(verdict.limit_pusd or 0)
    reserved = (
        f", {_usd(verdict.held_pusd)} reserved for calls under way" if verdict.held_pusd else ""
    )
    return Refused(
        f"{organization.name}: {whose} of {limit} does not allow this call: {spent} spent"
        f"{reserved}, and it may cost up to {_usd(hold.estimate_pusd, is_most=True)}. "
        f"The limit starts anew on {begins} ({organization.time_zone}). "
        "Please ask your administrator to raise it.",
        code=402,
    )


def key_refusal(organization: Organization) -> Refused:
    """A 403 for an organization that may make no calls at all."""
    if not organization.is_active:
        reason = "this organization is deactivated"
    else:
        reason = _KEY_SENTENCES[organization.key.state]
    return Refused(f"{organization.name}: {reason}. Please ask your administrator.", code=403)


def unchecked_refusal(organization: Organization) -> Refused:
    """A 503 while the meter cannot check, for an organization that does not spend unchecked."""
    return Refused(
        f"{organization.name}: usage cannot be checked at the moment, and this "
        "organization does not spend unchecked. Please try again in a minute.",
        code=503,
    )


def _usd(pusd: int, *, is_most: bool = False) -> str:
    """Dollars with cents; below a cent with as many places as it takes to show something."""
    amount = Decimal(pusd) / PICO
    rounding = ROUND_UP if is_most else ROUND_HALF_EVEN
    places = Decimal("0.01") if amount == 0 or amount >= Decimal("0.01") else Decimal("0.000001")
    return f"${amount.quantize(places, rounding=rounding):,f}"
