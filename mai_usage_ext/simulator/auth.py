"""API keys: who may call what, and how much a key may still spend.

Two kinds, as OpenRouter has them: inference keys pay for completions, management keys look after
keys and figures. Neither can stand in for the other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from mai_usage_ext.simulator.bill import Bill, Clock
from mai_usage_ext.simulator.catalogue import ZERO
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.switches import Switches

WORKSPACE: Final = "0df9e665-d932-5740-b2c7-b52af166bc11"
_KEYS_PAGE: Final = "https://openrouter.ai/settings/keys"


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key. `limit` is in USD; `limit_reset` is daily, weekly, monthly or None for ever."""

    secret: str
    name: str
    created_at: datetime
    management: bool = False
    disabled: bool = False
    limit: Decimal | None = None
    limit_reset: str | None = None
    include_byok_in_limit: bool = False
    expires_at: datetime | None = None
    updated_at: datetime | None = None
    last_used_at: datetime | None = None
    workspace_id: str = WORKSPACE
    hash: str = ""

    def __post_init__(self) -> None:
        self.hash = hashlib.sha256(self.secret.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The secret, masked: enough to recognise it, not enough to use it."""
        return f"{self.secret[:12]}...{self.secret[-3:]}"

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class KeyRing:
    """All keys that exist, by secret and by hash."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_secret: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> ApiKey:
        self._by_secret[key.secret] = key
        return key

    def remove(self, key: ApiKey) -> None:
        del self._by_secret[key.secret]

    def by_hash(self, key_hash: str) -> ApiKey | None:
        """The inference key with that hash; management keys are not listed."""
        return next((key for key in self.inference_keys() if key.hash == key_hash), None)

    def inference_keys(self) -> list[ApiKey]:
        return [key for key in self._by_secret.values() if not key.management]

    def any_key(self, headers: Mapping[str, str]) -> ApiKey:
        """The key of a request; raises a 401 for none, an unknown, disabled or expired one."""
        secret = _secret_in(headers)
        if not secret:
            raise ApiError(401, "No auth credentials found")
        key = self._by_secret.get(secret)
        if key is None or key.disabled or key.expired(self._clock()):
            raise ApiError(401)
        return key

    def inference_key(self, headers: Mapping[str, str]) -> ApiKey:
        """The key that pays for a completion; a management key cannot."""
        key = self.any_key(headers)
        if key.management:
            raise ApiError(401)
        key.last_used_at = self._clock()
        return key

    def management_key(self, headers: Mapping[str, str]) -> ApiKey:
        """The management key of a request; raises a 403 for an inference key."""
        key = self.any_key(headers)
        if not key.management:
            raise ApiError(403, "Only management keys can perform this operation")
        return key


def _secret_in(headers: Mapping[str, str]) -> str:
    """The bearer token, or what Anthropic's clients send instead."""
    scheme, _, secret = headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else headers.get("X-Api-Key", "")


def new_secret() -> str:
    """A key as OpenRouter writes it: `sk-or-v1-` and 64 hexadecimal digits."""
    return f"sk-or-v1-{secrets.token_hex(32)}"


def window_start(reset: str | None, today: date) -> date | None:
    """First UTC day of the running window; weeks start on Monday, None means all of time."""
    if reset == "daily":
        return today
    if reset == "weekly":
        return today - timedelta(days=today.weekday())
    if reset == "monthly":
        return today.replace(day=1)
    return None


def limit_remaining(key: ApiKey, bill: Bill, today: date) -> Decimal | None:
    """USD left in the key's window, never below zero; None without a limit."""
    if key.limit is None:
        return None
    since = window_start(key.limit_reset, today)
    used = bill.key_usage(key.hash, since)
    if key.include_byok_in_limit:
        used += bill.key_byok_usage(key.hash, since)
    return max(key.limit - used, ZERO)


def require_money(key: ApiKey, bill: Bill, switches: Switches, today: date) -> None:
    """Raise the 402 or 403 that a key without money gets.

    The check is soft, as OpenRouter's is: calls that run side by side may overshoot.
    """
    if bill.total_cost() >= switches.total_credits:
        raise ApiError(402)
    left = limit_remaining(key, bill, today)
    if left is None or left > 0:
        return
    window = f"{key.limit_reset or 'total'} limit"
    status = switches.limit_zero_status if key.limit == 0 else 403
    message = f"Key limit exceeded ({window}). Manage it using {_KEYS_PAGE}"
    raise ApiError(status, message, metadata=switches.error_metadata)
