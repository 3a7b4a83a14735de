"""The settings that the database may hold: how a value of each is checked, kept and shown.

What a setting of the environment takes, its twin here takes too, by the same parser; only the
shape differs, because JSON has numbers and lists.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import rate_to_decimal, usd_from_pusd
from mai_usage_ext.ports import AssignmentRule, Role
from mai_usage_ext.ports.rates import RateKind
from mai_usage_ext.services.billing_values import BILLING_VALUES
from mai_usage_ext.settings import SETTINGS, Setting, Settings

__all__ = ["LIVE_SETTINGS", "PROVISIONING_KEY", "Effective", "LiveSetting", "masked_key"]

PROVISIONING_KEY = "openrouter_provisioning_key"
_LONGEST_KEY = 500
_SHORTEST_SHOWN = 20
_MOST_RULES = 1_000
_LONGEST_VALUE = 200
_DOMAIN = re.compile(r"(?=.{1,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What holds now. Money in picodollars, rates in millionths, times in milliseconds.

    ``rate_limit`` is requests a minute. A provisioning key of ``None`` means there is none to use.
    """

    provisioning_key: str | None = field(repr=False)
    default_rate_micro: int
    billing_currency: str
    time_zone: str
    default_hold_pusd: int
    hold_wait_ms: int
    alert_thresholds: tuple[int, ...]
    alert_emails: tuple[str, ...]
    rate_limit: int
    assignment_rules: tuple[AssignmentRule, ...] = ()
    seller_name: str = ""
    seller_address: str = ""
    seller_tax_id: str = ""
    seller_email: str = ""
    seller_note: str = ""
    statement_prefix: str = "S"
    auto_close_statements: str | None = None
    fx_sources: tuple[tuple[str, RateKind], ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Effective":
        """What holds where the database says nothing."""
        key = settings.provisioning_key
        return cls(
            provisioning_key=None if key is None else key.get_secret_value(),
            default_rate_micro=settings.default_rate_micro,
            billing_currency=settings.billing_currency,
            time_zone=settings.time_zone,
            default_hold_pusd=settings.default_hold_pusd,
            hold_wait_ms=settings.hold_wait_ms,
            alert_thresholds=settings.alert_thresholds,
            alert_emails=settings.alert_emails,
            rate_limit=settings.rate_limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSetting:
    """``name`` is the API's and the row's, ``field`` that of ``Effective`` and of ``Settings``.

    ``parse`` takes what JSON had and raises ``BadInput`` or ``ValueError``; ``show`` makes JSON of
    it again, which is also how it is stored.
    """

    name: str
    field: str
    expected: str
    parse: Callable[[Any], Any]
    show: Callable[[Any], Any]

    @property
    def is_secret(self) -> bool:
        return self.name == PROVISIONING_KEY

    def parsed(self, value: Any) -> Any:
        """Raises ``BadInput`` that names this setting, and never says a secret."""
        got = "a key that cannot be used" if self.is_secret else value
        try:
            return self.parse(value)
        except BadInput as error:
            raise BadInput(self.name, got=got, expected=error.expected) from None
        except ValueError:
            raise BadInput(self.name, got=got, expected=self.expected) from None


def masked_key(secret: str | None) -> str | None:
    """Enough of a key to recognise it by; nothing at all of a short one."""
    if secret is None:
        return None
    return f"{secret[:9]}…{secret[-3:]}" if len(secret) > _SHORTEST_SHOWN else "***"


_ENVIRONMENT = {setting.field: setting for setting in SETTINGS}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("not a text")
    return value.strip()


def _key(value: Any) -> str:
    text = _text(value)
    if len(text) > _LONGEST_KEY or set(text) == {"*"}:
        raise ValueError("not a key")
    return text


def _number(value: Any) -> str:
    """A float has lost already what is exact about money."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("not a number")
    return f"{value}".strip()


def _whole(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a whole number")
    return str(value)


def _marks(value: Any) -> str:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("not a list")
    return ",".join(_whole(mark) for mark in value) or "off"


def _listed_texts(value: Any) -> str:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("not a list")
    # A comma inside would make two of one.
    if any(not isinstance(one, str) or not one.strip() or "," in one for one in value):
        raise ValueError("not a list of texts")
    return ",".join(value)


def _like_environment(
    name: str,
    twin: Setting,
    *,
    text_of: Callable[[Any], str],
    show: Callable[[Any], Any],
    expected: str = "",
) -> LiveSetting:
    return LiveSetting(
        name=name,
        field=twin.field,
        expected=expected or twin.expected,
        parse=lambda value: twin.parse(text_of(value)),
        show=show,
    )


def _provisioning_key(value: Any) -> str:
    secret: str = _ENVIRONMENT["provisioning_key"].parse(_key(value)).get_secret_value()
    return secret


def _default_hold(value: Any) -> int:
    text = _number(value)
    pusd: int = _ENVIRONMENT["default_hold_pusd"].parse(text)
    if Decimal(usd_from_pusd(pusd)) != Decimal(text):
        raise BadInput("default_hold", got=value, expected="an amount with at most 12 decimals")
    return pusd


def _rules(value: Any) -> tuple[AssignmentRule, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > _MOST_RULES:
        raise ValueError("not a list")
    rules = tuple(_rule(item) for item in value)
    if len({(rule.kind, rule.value) for rule in rules}) < len(rules):
        raise BadInput("", got="", expected="each kind and value once: a second rule never decides")
    return rules


def _rule(item: Any) -> AssignmentRule:
    if not isinstance(item, Mapping) or not {"kind", "value", "client_org_id"} <= set(item):
        raise ValueError("not a rule")
    if set(item) - {"kind", "value", "client_org_id", "role"}:
        raise ValueError("not a rule")
    kind, value, organization = (_text(item[key]) for key in ("kind", "value", "client_org_id"))
    if kind == "email_domain":
        value = value.lower().removeprefix("@")
        if not _DOMAIN.fullmatch(value):
            raise BadInput("", got=value, expected="a domain such as example.com")
    elif kind != "group" or len(value) > _LONGEST_VALUE or not value.isprintable():
        raise ValueError("not a rule")
    role = Role(item.get("role", Role.MEMBER))
    return AssignmentRule(kind=kind, value=value, organization_id=organization, role=role.value)


def _shown_rules(rules: Sequence[AssignmentRule]) -> list[dict[str, str]]:
    return [
        {
            "kind": rule.kind,
            "value": rule.value,
            "client_org_id": rule.organization_id,
            "role": rule.role,
        }
        for rule in rules
    ]


def _same(value: Any) -> Any:
    return value


LIVE_SETTINGS: Mapping[str, LiveSetting] = {
    setting.name: setting
    for setting in (
        LiveSetting(
            name=PROVISIONING_KEY,
            field="provisioning_key",
            expected=_ENVIRONMENT["provisioning_key"].expected,
            parse=_provisioning_key,
            show=masked_key,
        ),
        _like_environment(
            "default_markup_rate",
            _ENVIRONMENT["default_rate_micro"],
            text_of=_number,
            show=lambda rate_micro: f"{rate_to_decimal(rate_micro):f}",
        ),
        _like_environment(
            "billing_currency", _ENVIRONMENT["billing_currency"], text_of=_text, show=_same
        ),
        _like_environment("timezone", _ENVIRONMENT["time_zone"], text_of=_text, show=_same),
        LiveSetting(
            name="default_hold",
            field="default_hold_pusd",
            expected=_ENVIRONMENT["default_hold_pusd"].expected,
            parse=_default_hold,
            show=usd_from_pusd,
        ),
        _like_environment(
            "commit_wait_ms", _ENVIRONMENT["hold_wait_ms"], text_of=_whole, show=_same
        ),
        _like_environment(
            "alert_thresholds",
            _ENVIRONMENT["alert_thresholds"],
            text_of=_marks,
            show=list,
            expected="a list of up to ten whole percentages from 1 to 100",
        ),
        _like_environment(
            "alert_emails",
            _ENVIRONMENT["alert_emails"],
            text_of=_listed_texts,
            show=list,
            expected="a list of up to twenty e-mail addresses",
        ),
        _like_environment("rate_limit", _ENVIRONMENT["rate_limit"], text_of=_whole, show=_same),
        LiveSetting(
            name="assignment_rules",
            field="assignment_rules",
            expected="a list of at most 1000 rules, each with a kind (email_domain or group), "
            "a value, a client_org_id and, if you like, a role (member or manager)",
            parse=_rules,
            show=_shown_rules,
        ),
        *(
            LiveSetting(
                name=name, field=name, expected=one.expected, parse=one.parse, show=one.show
            )
            for name, one in BILLING_VALUES.items()
        ),
    )
}
