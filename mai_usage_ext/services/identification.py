"""Finding the generation of a call that died before its id was known, where analytics tell."""

import asyncio
from collections.abc import Sequence

from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Hold, Ledger, OrganizationStore
from mai_usage_ext.ports.reconciliation import Activity, Candidate, ReconciliationStore

__all__ = ["Identification"]

# Between a hold's instant and its generation's lies the way to OpenRouter, and two clocks.
_BEFORE_MS = 30_000
_AFTER_MS = 120_000


class Identification:
    """Names a hold's generation where exactly one fits that nobody has; settlement books it."""

    def __init__(
        self,
        store: ReconciliationStore,
        ledger: Ledger,
        activity: Activity,
        *,
        organizations: OrganizationStore,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._activity = activity
        self._organizations = organizations

    async def identify(self, holds: Sequence[Hold], *, management_key: str) -> frozenset[str]:
        """The ids of the holds that have a generation from now on. Raises ``UpstreamError``."""
        wanted = [hold for hold in holds if hold.key_hash]
        if not wanted or not await self._activity.names_generations(management_key=management_key):
            return frozenset()
        named = dict[str, str]()
        for hold in wanted:
            fitting = await self._fitting(hold, management_key)
            new = [one for one in fitting if one.generation_id not in named.values()]
            if len(new) == 1:
                named[hold.id] = new[0].generation_id
                self._ledger.identify(hold, new[0].generation_id)
                tally.add("holds identified by analytics")
        return frozenset(named)

    async def _fitting(self, hold: Hold, management_key: str) -> Sequence[Candidate]:
        candidates = await self._activity.candidates(
            key_hash=hold.key_hash,
            from_ms=hold.at_ms - _BEFORE_MS,
            until_ms=hold.at_ms + _AFTER_MS,
            management_key=management_key,
        )
        if candidates is None:
            return ()
        user = await asyncio.to_thread(self._openrouter_user, hold)
        fitting = [one for one in candidates if one.user == user and _is_model(one.model, hold)]
        known = await asyncio.to_thread(
            self._store.known_generations, [one.generation_id for one in fitting]
        )
        return [one for one in fitting if one.generation_id not in known]

    def _openrouter_user(self, hold: Hold) -> str | None:
        """What OpenRouter was told of the hold's user."""
        if hold.user_id is None:
            return None
        member = self._organizations.membership(hold.user_id, at_ms=hold.at_ms)
        return None if member is None else member.openrouter_user_id


def _is_model(model: str, hold: Hold) -> bool:
    """A variant such as ``:online`` is asked for, and does not stand on the bill."""
    return model in (hold.model, hold.model.partition(":")[0])
