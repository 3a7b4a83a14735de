"""Users that the host has deleted: a pseudonym takes their place, their money stays."""

import hashlib
import secrets
from datetime import timedelta

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import SYSTEM, Clock, HostUsers, MemberStore, UnitOfWork
from mai_usage_ext.services.audit import Audit

__all__ = ["Departures"]

# A late settlement brings a name back; it is looked for in the sealed days of the last week, and
# in everything that is not sealed yet.
_RECENT = timedelta(days=7)
# Below so many a host without any of them is believed.
_FEW = 3


class Departures:
    """Finds deleted users and forgets who they were."""

    def __init__(
        self,
        *,
        store: MemberStore,
        users: HostUsers,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._users = users
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def forget_deleted(self) -> int:
        """Forget everybody whom the host does not know any more; return how many those were.

        May run as often as one likes. A host that seems to have lost most of its users is not
        believed: nothing is done and a warning is counted.
        """
        since = billing_day(self._clock.now_ms(), "UTC") - _RECENT
        asked = sorted({*self._store.user_ids(), *self._store.seen_user_ids(since)})
        if not asked:
            return 0
        known = self._users.known(asked)
        gone = [user_id for user_id in asked if user_id not in known]
        if len(asked) > _FEW and not _is_credible(gone=len(gone), asked=len(asked)):
            tally.warn(
                "deleted users not believed",
                f"the host knows only {len(asked) - len(gone)} of {len(asked)} users who have used"
                " it; nobody was made a pseudonym of",
            )
            return 0
        return sum(self.forget(user_id) for user_id in gone)

    def forget(self, user_id: str) -> bool:
        """Put a fresh pseudonym in this user's place; false where nothing bore the name."""
        pseudonym = f"deleted-{secrets.token_hex(6)}"
        with self._unit_of_work():
            self._store.lock()
            rows = self._store.pseudonymise(
                user_id,
                pseudonym,
                user_hash=hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest(),
                now_ms=self._clock.now_ms(),
            )
            if rows:
                self._audit.record(
                    actor=SYSTEM,
                    action="user.pseudonymised",
                    target_kind="user",
                    # The trail must not tell who it was.
                    target_id=pseudonym,
                    after={"rows": rows},
                )
        return rows > 0


def _is_credible(*, gone: int, asked: int) -> bool:
    """Whether so many may have been deleted since the last look."""
    return gone <= _FEW or gone * 2 <= asked
