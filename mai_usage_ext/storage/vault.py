"""Sealing secrets with AES-256-GCM and a ring of keys, newest first.

A sealed text is ``v1.<key id>.<nonce>.<ciphertext>``, the last two in URL-safe base64 without
padding. The row it belongs to is the associated data, so a text moved to another row does not open
there. Keys are derived by HKDF-SHA256; a key's id is the beginning of its SHA-256.
"""

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mai_usage_ext.ports import NoVault, Vault
from mai_usage_ext.settings import Settings

__all__ = ["KeyRing", "looks_sealed", "vault_of"]

_VERSION = "v1"
_INFO = b"mai_usage_ext sealed secrets v1"
_NONCE_BYTES = 12


class KeyRing:
    """Implements ``ports.Vault``. ``secrets`` are what the keys are derived from, newest first."""

    def __init__(self, secrets: Sequence[str]) -> None:
        derived = [_derive(secret) for secret in secrets]
        self._keys = {_id_of(key): AESGCM(key) for key in derived}
        self._newest = _id_of(derived[0])

    def seal(self, secret: str, *, bound_to: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        # AES-GCM stays safe for four thousand million random nonces; we seal a few a day.
        sealed = self._keys[self._newest].encrypt(nonce, secret.encode(), bound_to.encode())
        return ".".join((_VERSION, self._newest, _encoded(nonce), _encoded(sealed)))

    def open(self, sealed: str, *, bound_to: str) -> str | None:
        try:
            version, key_id, nonce, text = sealed.split(".")
            if version != _VERSION:
                return None
            opened = self._keys[key_id].decrypt(_decoded(nonce), _decoded(text), bound_to.encode())
            return opened.decode()
        except (AttributeError, KeyError, TypeError, ValueError, InvalidTag):
            return None

    def is_current(self, sealed: str) -> bool:
        return looks_sealed(sealed) and sealed.split(".")[1] == self._newest

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def vault_of(settings: Settings) -> Vault:
    """The ring of ``MAI_USAGE_ENCRYPTION_KEYS``, then the host's secret.

    The host's stays in the ring behind explicit keys, so that a deployment can move to those.
    """
    secrets = [key.get_secret_value() for key in settings.encryption_keys]
    if settings.host_secret is not None:
        secrets.append(settings.host_secret.get_secret_value())
    return KeyRing(secrets) if secrets else NoVault()


def looks_sealed(text: object) -> bool:
    """Whether a text has the form of a sealed one, whatever sealed it."""
    return isinstance(text, str) and text.startswith(f"{_VERSION}.") and text.count(".") == 3


def _derive(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(secret.encode())


def _id_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encoded(data) != text:
        # The decoder skips characters that are none of its own; a text has one spelling only.
        raise ValueError("not URL-safe base64")
    return data
