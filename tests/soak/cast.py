"""Who makes the calls: organizations with keys, prices, time zones and limits, and their people."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mai_usage_ext.demo.accounts import Accounts
from mai_usage_ext.demo.host_process import HostProcess
from tests.host.reseller import OURS
from tests.host.theatre import ADMIN, CHEAP, MODELS, Someone, Theatre

__all__ = ["Cast", "Company", "Member"]

_CHAT_MODELS = MODELS[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """``limit`` and those of members are USD a month."""

    name: str
    zone: str
    rate: str
    members: dict[str, str | None]
    limit: str | None = None


# The atoll's midnight is at ten in the morning, UTC: the load crosses it. The studio is always
# about to reach its limit, and Eve reaches her own.
_PARTS = (
    _Part(
        name="Bakery", zone="Europe/Warsaw", rate="1.3", members={"Anna": None, "Boris": None}
    ),
    _Part(
        name="Studio", zone="America/Adak", rate="1.85", members={"Chen": None, "Dora": None},
        limit="0.004",
    ),
    _Part(
        name="Atoll", zone="Pacific/Kiritimati", rate="1.25", members={"Eve": "0.01", "Frida": None}
    ),
)  # fmt: skip
# Nobody maps her: the default organization takes her, which has no key of its own.
_STRANGER = "Greta"
# What a limit is raised by, now and then, in USD: room for some dozen calls.
_RAISE = Decimal("0.004")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who calls. ``is_limited`` where a limit may refuse a call of theirs."""

    who: Someone
    models: tuple[str, ...]
    is_limited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """An organization with a key of its own."""

    id: str
    name: str
    key_hash: str
    is_limited: bool


class Cast:
    """Made at one host, known to all: they share our tables, and the accounts are copies."""

    def __init__(self, theatre: Theatre, host: HostProcess) -> None:
        self._admin = theatre.people[ADMIN].account
        self.companies: list[Company] = []
        self.members: list[Member] = []
        for part in _PARTS:
            self._make(theatre, host, part)
        stranger = theatre.people[_STRANGER]
        self.members.append(Member(who=stranger, models=_CHAT_MODELS, is_limited=False))

    def raise_limits(self, host: HostProcess) -> None:
        """Give everybody who is limited some room again. Raises ``HostError``."""
        for company in self.companies:
            if company.is_limited:
                path = f"/clients/{company.id}"
                shown = self._ask(host, "GET", path)["client"]
                taken = Decimal(shown["spent"]) + Decimal(shown["held"])
                limit = max(taken + _RAISE, Decimal(shown["monthly_limit"]))
                self._ask(host, "PATCH", path, {"monthly_limit": format(limit, "f")})

    def _make(self, theatre: Theatre, host: HostProcess, part: _Part) -> None:
        terms = {
            "name": part.name,
            "timezone": part.zone,
            "markup_rate": part.rate,
            "monthly_limit": part.limit,
        }
        client = self._ask(host, "POST", "/clients", terms)["client"]
        if client["key"]["state"] != "active":
            raise RuntimeError(f"{part.name} has no key: {client['key']}")
        is_limited = part.limit is not None
        self.companies.append(
            Company(
                id=client["id"],
                name=part.name,
                key_hash=client["key"]["hash"],
                is_limited=is_limited,
            )
        )
        for name, limit in part.members.items():
            someone = theatre.people[name]
            mapping = {
                "user_id": someone.account.id,
                "client_org_id": client["id"],
                "monthly_limit": limit,
            }
            self._ask(host, "POST", "/user-mappings", mapping)
            limited = is_limited or limit is not None
            models = (CHEAP,) if limited else _CHAT_MODELS
            self.members.append(Member(who=someone, models=models, is_limited=limited))

    def _ask(self, host: HostProcess, method: str, path: str, body: object | None = None) -> Any:
        return Accounts(host.url).call(method, OURS + path, body, token=self._admin.token)
