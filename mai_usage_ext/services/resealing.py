"""Sealing every stored secret anew with the newest key of the ring, while everything runs."""

from collections.abc import Callable
from dataclasses import dataclass

from mai_usage_ext.ports import SealedSecret, SealedStore, Vault

__all__ = ["Resealed", "reseal"]

_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """How far it has come. ``skipped`` were current already, or changed while we looked;
    ``unreadable`` names the rows that no key of the ring opens: they have to be entered again."""

    total: int
    done: int = 0
    skipped: int = 0
    unreadable: tuple[str, ...] = ()
    was_interrupted: bool = False

    @property
    def seen(self) -> int:
        return self.done + self.skipped + len(self.unreadable)


def reseal(
    store: SealedStore,
    vault: Vault,
    progress: Callable[[Resealed], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Resealed:
    """Go through all secrets, one small transaction each, and tell ``progress`` after each.

    May be stopped at any row and begun again: rows that are done are skipped. A row that somebody
    changes meanwhile is left as it is, since it was sealed with the newest key then. Raises
    ``ConfigurationError`` when there is no key to seal with, and ``StorageUnavailable``.
    """
    vault.seal("", bound_to="nothing")
    done, skipped, unreadable = 0, 0, list[str]()
    total = store.count()
    last: SealedSecret | None = None

    def state(*, was_interrupted: bool = False) -> Resealed:
        return Resealed(
            total=total,
            done=done,
            skipped=skipped,
            unreadable=tuple(unreadable),
            was_interrupted=was_interrupted,
        )

    while batch := store.after(last, limit=_BATCH):
        for secret in batch:
            if should_stop():
                return state(was_interrupted=True)
            outcome = _resealed(store, vault, secret)
            done += outcome is True
            skipped += outcome is False
            if outcome is None:
                unreadable.append(secret.bound_to)
            progress(state())
        last = batch[-1]
    return state()


def _resealed(store: SealedStore, vault: Vault, secret: SealedSecret) -> bool | None:
    """True when it was sealed anew, false when there was nothing to do, ``None`` if unreadable."""
    opened = vault.open(secret.sealed, bound_to=secret.bound_to)
    if opened is None:
        return None
    if vault.is_current(secret.sealed):
        return False
    return store.replace(secret, vault.seal(opened, bound_to=secret.bound_to))
