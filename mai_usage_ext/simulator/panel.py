"""Who gets which switches: everybody, some calls, or one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mai_usage_ext.simulator import checks
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.switches import FIELDS, Switches, checked, explain

_RULE_WORDS: Final = ("times", "model", "endpoint")


@dataclass(slots=True, kw_only=True)
class Rule:
    """Switches for some calls only: the next `times` that match `model` and `endpoint`."""

    values: dict[str, Any]
    times: int | None = None
    model: str | None = None
    endpoint: str | None = None

    def matches(self, scope: str, endpoint: str, model: str | None) -> bool:
        """Whether this rule speaks about such a call, and has a switch for its scope."""
        if self.times == 0 or self.model not in (None, model):
            return False
        if self.endpoint not in (None, endpoint):
            return False
        return any(FIELDS[name].metadata["scope"] == scope for name in self.values)

    def use(self) -> dict[str, Any]:
        if self.times is not None:
            self.times -= 1
        return self.values


class Panel:
    """The switches that hold for everybody, and the rules for some."""

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        self._initial = replace(Switches(), **checked(initial or {}))
        self.base = self._initial
        self.rules: list[Rule] = []

    def reset(self) -> None:
        """Back to what the simulator was started with."""
        self.base = self._initial
        self.rules.clear()

    def merge(self, wanted: Any) -> None:
        """Take over switches; with `times`, `model` or `endpoint` they become a rule."""
        if not isinstance(wanted, Mapping):
            raise ApiError(400, "Switches must be a JSON object")
        values = checked({k: v for k, v in wanted.items() if k not in _RULE_WORDS})
        if not any(word in wanted for word in _RULE_WORDS):
            self.base = replace(self.base, **values)
            return
        self.rules.append(
            Rule(
                values=values,
                times=_rule_word(wanted, "times", checks.whole(1)),
                model=_rule_word(wanted, "model", checks.text),
                endpoint=_rule_word(wanted, "endpoint", checks.text),
            )
        )

    def resolve(
        self,
        scope: str,
        endpoint: str,
        *,
        model: str | None = None,
        requested: Iterable[Mapping[str, Any]] = (),
    ) -> Switches:
        """The switches of one call: base, then rules, then what the request itself asks for."""
        values: dict[str, Any] = {}
        for rule in self.rules:
            if rule.matches(scope, endpoint, model):
                values.update(rule.use())
        self.rules = [rule for rule in self.rules if rule.times != 0] if self.rules else self.rules
        for wanted in requested:
            values.update(wanted)
        return replace(self.base, **values) if values else self.base

    def state(self) -> dict[str, Any]:
        """What is switched now, as JSON."""
        plain = Switches()
        return {
            "switches": {
                name: getattr(self.base, name)
                for name in FIELDS
                if getattr(self.base, name) != getattr(plain, name)
            },
            "rules": [
                {
                    "values": rule.values,
                    "times": rule.times,
                    "model": rule.model,
                    "endpoint": rule.endpoint,
                }
                for rule in self.rules
            ],
            "known": explain(),
        }


def _rule_word(wanted: Mapping[str, Any], name: str, check: checks.Check) -> Any:
    try:
        return check(wanted.get(name))
    except ValueError as error:
        raise ApiError(400, f"{name!r} must be {error}; got {wanted[name]!r}") from error
