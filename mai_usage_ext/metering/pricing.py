"""Prices with dates: which markup and fee a call of a model has, and why that one.

A rule names an organization or everybody, a model pattern or every model, and the instant from
which it holds. The most specific rule wins: an organization's own before everybody's, then the
pattern that spells out more characters, then the later date. So a rule of an organization for
every model puts all of everybody's rules aside, those with a pattern too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import PICO, RATE_ONE, pusd_from_usd

__all__ = [
    "MAX_FEE_PUSD",
    "Price",
    "PriceRule",
    "checked_fee",
    "checked_pattern",
    "lowest_rate",
    "price_of",
    "rule_of",
]

# More than this for a single call is a slip of the decimal point.
MAX_FEE_PUSD = 1_000 * PICO

_LONGEST_PATTERN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What is billed for a call: raw cost × ``rate_micro`` millionths + ``fee_pusd``."""

    rate_micro: int
    fee_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRule:
    """``organization_id`` or ``model_pattern`` of ``None`` means every one. In a pattern ``*``
    stands for any characters or none, as in ``anthropic/*``; capitals are told apart."""

    id: int
    organization_id: str | None
    model_pattern: str | None
    effective_from_ms: int
    rate_micro: int
    fee_pusd: int

    def fits(self, model: str, at_ms: int) -> bool:
        if self.effective_from_ms > at_ms:
            return False
        return self.model_pattern is None or _matches(self.model_pattern, model)


# Where no rule fits, the client pays what OpenRouter charges.
_AT_COST = Price(rate_micro=RATE_ONE, fee_pusd=0)


def rule_of(rules: Iterable[PriceRule], model: str, *, at_ms: int) -> PriceRule | None:
    """The rule that decides about one call, among those of its organization and everybody's."""
    return max((rule for rule in rules if rule.fits(model, at_ms)), key=_specificity, default=None)


def price_of(rules: Iterable[PriceRule], model: str, *, at_ms: int) -> Price:
    """The price of one call among the rules of its organization and those of everybody."""
    rule = rule_of(rules, model, at_ms=at_ms)
    return _AT_COST if rule is None else Price(rate_micro=rule.rate_micro, fee_pusd=rule.fee_pusd)


def lowest_rate(rules: Sequence[PriceRule], *, at_ms: int) -> int:
    """A markup, in millionths, that no model's is below now: the one that limits divide by.

    ``rules`` are those of one organization and everybody's. A rule that others put aside for some
    of its models still counts, so the answer may be too low, never too high.
    """
    in_force = [rule for rule in rules if rule.effective_from_ms <= at_ms]
    catch_all = max(
        (rule for rule in in_force if rule.model_pattern is None), key=_specificity, default=None
    )
    # Whatever is less specific than the rule for every model never decides; without such a rule
    # the models that no pattern names are billed at cost.
    latest: dict[tuple[str | None, str | None], PriceRule] = {}
    for rule in sorted(in_force, key=_specificity):
        if catch_all is None or _specificity(rule) >= _specificity(catch_all):
            latest[rule.organization_id, rule.model_pattern] = rule
    own = {pattern for organization_id, pattern in latest if organization_id is not None}
    rates = [
        rule.rate_micro
        for (organization_id, pattern), rule in latest.items()
        if organization_id is not None or pattern not in own
    ]
    return min(rates if catch_all is not None else [*rates, RATE_ONE])


def checked_pattern(pattern: object, *, field: str = "model_pattern") -> str | None:
    """A pattern that can match a model's name, or ``None`` for every model.

    Raises ``BadInput``. ``?`` and ``[`` mean something elsewhere and nothing here, and no model's
    name has them, so they are refused.
    """
    if pattern is None:
        return None
    if (
        not isinstance(pattern, str)
        or not pattern
        or len(pattern) > _LONGEST_PATTERN
        or not pattern.isprintable()
        or not pattern.isascii()
        or any(character in pattern for character in "?[] ")
    ):
        raise BadInput(field, got=pattern, expected="a model name such as anthropic/*, or null")
    # One spelling of one meaning, so that the same rule cannot stand twice.
    single = re.sub(r"\*+", "*", pattern)
    return None if single == "*" else single


def checked_fee(fee: object, *, field: str = "fixed_fee") -> int:
    """Picodollars of a fee for each call. Raises ``BadInput`` below 0 and above 1,000 USD."""
    fee_pusd = pusd_from_usd(fee, field=field, exact=True)
    if fee_pusd > MAX_FEE_PUSD:
        raise BadInput(field, got=fee, expected="at most 1000 USD for each call")
    return fee_pusd


def _matches(pattern: str, model: str) -> bool:
    """Whether ``pattern`` with its asterisks is the whole of ``model``.

    The time is bounded by the two lengths, which a regular expression would not promise.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return model == first
    *middle, last = rest
    if len(first) + len(last) > len(model):
        return False
    if not (model.startswith(first) and model.endswith(last)):
        return False
    begin, end = len(first), len(model) - len(last)
    for piece in middle:
        found = model.find(piece, begin, end)
        if found < 0:
            return False
        begin = found + len(piece)
    return True


def _specificity(rule: PriceRule) -> tuple[bool, int, int, int]:
    pattern = rule.model_pattern
    literal = -1 if pattern is None else len(pattern.replace("*", ""))
    return rule.organization_id is not None, literal, rule.effective_from_ms, rule.id
