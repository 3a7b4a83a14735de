"""Sealing what must not be read in the database."""

from typing import Protocol

__all__ = ["NoVault", "Vault"]


class Vault(Protocol):
    """Seals secrets to text and opens it again. ``bound_to`` names the row: what was sealed for
    one row cannot be opened for another."""

    def seal(self, secret: str, *, bound_to: str) -> str:
        """Raises ``ConfigurationError`` when there is no key to seal with."""
        ...

    def open(self, sealed: str, *, bound_to: str) -> str | None:
        """The secret, or ``None`` where no key of the ring opens it. Never raises."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed with the newest key of the ring."""
        ...


class NoVault:
    """Where no secret was given to derive a key from."""

    def seal(self, secret: str, *, bound_to: str) -> str:
        from mai_usage_ext.errors import ConfigurationError

        raise ConfigurationError.of(
            "MAI_USAGE_ENCRYPTION_KEYS",
            got="",
            expected="a key to seal secrets with, or WEBUI_SECRET_KEY to derive one from",
        )

    def open(self, sealed: str, *, bound_to: str) -> str | None:
        return None

    def is_current(self, sealed: str) -> bool:
        return False
