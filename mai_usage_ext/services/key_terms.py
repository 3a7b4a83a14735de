"""What an organization's key is to be at OpenRouter, and how far it is from that."""

import re
import secrets
from collections.abc import Mapping
from decimal import Decimal

from mai_usage_ext.metering.backstop import (
    backstop_pusd,
    instants_ahead,
    lowest_rate_over,
    window_at,
)
from mai_usage_ext.metering.days import billing_day, day_bounds_ms
from mai_usage_ext.metering.money import PICO
from mai_usage_ext.ports import Clock, KeyFacts, KeyState, KeyStore, KeyTerms, RemoteKey

__all__ = ["LOOKAHEAD_MS", "KeyPolicy", "differences", "is_ours", "new_name"]

LOOKAHEAD_MS = 600_000
"""Twice the time between two checks is enough: what changes until then is allowed for already."""

_PREFIX = "mai-usage"
_LONGEST_SLUG = 40
_SUFFIX = r"[0-9a-f]{8}"
_OURS = re.compile(rf"{_PREFIX}/[^/]*/[^/]+/{_SUFFIX}")


class KeyPolicy:
    """The terms of keys, from the organizations' limits, prices and zones."""

    def __init__(self, store: KeyStore, *, clock: Clock, lookahead_ms: int = LOOKAHEAD_MS) -> None:
        self._store = store
        self._clock = clock
        self._lookahead_ms = lookahead_ms

    def terms(self, facts: KeyFacts, *, name: str) -> KeyTerms:
        """Reads the ledger where an earlier month draws on OpenRouter's window.

        A name given here follows the slug and keeps its end; any other is replaced.
        """
        theirs = rf"{_PREFIX}/[^/]*/{re.escape(facts.organization_id)}/({_SUFFIX})"
        given = re.fullmatch(theirs, name)
        suffix = given[1] if given else (facts.key.hash or "")[:8]
        return KeyTerms(
            name=f"{_stem(facts)}/{suffix}",
            limit_pusd=self._limit(facts),
            is_disabled=facts.stored_state is KeyState.DISABLED or not facts.is_active,
        )

    def _limit(self, facts: KeyFacts) -> int | None:
        """The most that is needed at any instant until the next check."""
        now_ms = self._clock.now_ms()
        instants = instants_ahead(now_ms, facts.time_zone_at(now_ms), ahead_ms=self._lookahead_ms)
        limits = [self._limit_at(facts, instant) for instant in instants]
        known = [limit for limit in limits if limit is not None]
        return max(known) if len(known) == len(limits) else None

    def _limit_at(self, facts: KeyFacts, at_ms: int) -> int | None:
        if facts.monthly_limit_pusd is None or facts.on_limit == "alert":
            return None
        zone = facts.time_zone_at(at_ms)
        window = window_at(at_ms, zone)
        month_from_ms = day_bounds_ms(billing_day(at_ms, zone).replace(day=1), zone)[0]
        rate_micro = lowest_rate_over(
            facts.rules,
            from_ms=max(min(window.from_ms, month_from_ms), _first_price_ms(facts, at_ms)),
            until_ms=at_ms + self._lookahead_ms,
        )
        overlap = self._store.overlap_raw_pusd(
            facts.organization_id,
            window_from_ms=window.from_ms,
            before_month=window.newest_month,
            is_whole_month=window.is_ahead,
            rate_micro=rate_micro,
        )
        return backstop_pusd(
            limit_pusd=facts.monthly_limit_pusd,
            on_limit=facts.on_limit,
            rate_micro=rate_micro,
            at_ms=at_ms,
            time_zone=zone,
            overlap_raw_pusd=overlap,
        )


def new_name(facts: KeyFacts) -> str:
    """A name for a key at OpenRouter that a person can read and that no other key has."""
    return f"{_stem(facts)}/{secrets.token_hex(4)}"


def is_ours(name: str) -> bool:
    """Whether a key's name is one that an installation of this package gives."""
    return _OURS.fullmatch(name) is not None


def differences(terms: KeyTerms, remote: RemoteKey) -> Mapping[str, object]:
    """What to change at OpenRouter, by its names. Where there is no limit its reset says nothing;
    amounts are compared to a millionth of a dollar, since they come back from a double."""
    changes: dict[str, object] = {}
    if remote.name != terms.name:
        changes["name"] = terms.name
    if remote.is_disabled != terms.is_disabled:
        changes["disabled"] = terms.is_disabled
    if _usd(remote.limit_pusd) != _usd(terms.limit_pusd):
        changes["limit"] = _usd(terms.limit_pusd)
    if terms.limit_pusd is not None and remote.limit_reset != "monthly":
        changes["limit_reset"] = "monthly"
    if remote.counts_byok is False:
        changes["include_byok_in_limit"] = True
    return changes


def _first_price_ms(facts: KeyFacts, at_ms: int) -> int:
    """When the organization's first price for every model began; it is made with one, so nothing
    was billed without a markup before it."""
    starts = (
        rule.effective_from_ms
        for rule in facts.rules
        if rule.organization_id == facts.organization_id and rule.model_pattern is None
    )
    return min(min(starts, default=0), at_ms)


def _stem(facts: KeyFacts) -> str:
    return f"{_PREFIX}/{facts.slug[:_LONGEST_SLUG]}/{facts.organization_id}"


def _usd(pusd: int | None) -> Decimal | None:
    return None if pusd is None else (Decimal(pusd) / PICO).quantize(Decimal("0.000001"))
