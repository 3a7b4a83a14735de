"""The regular check: our organizations' keys against those OpenRouter lists; what differs is put
right, what is nobody's is reported."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import (
    SYSTEM,
    Clock,
    KeyFacts,
    KeyManagement,
    KeyState,
    KeyStore,
    RemoteKey,
)
from mai_usage_ext.services.key_terms import is_ours
from mai_usage_ext.services.key_upkeep import ELSEWHERE, LOST, NOT_THERE, KeyUpkeep

__all__ = ["LEFT_BEHIND_MS", "KeyCheck", "KeyFinding", "KeyReport", "UnknownKey"]

LEFT_BEHIND_MS = 120_000
"""A claim this old has no maker any more, and a key of its name has appeared if it ever will."""

_UNREADABLE = (
    "The stored key cannot be opened with the present encryption keys: "
    "enter it again, or provision a new one"
)
_KINDS = {LOST: "lost", ELSEWHERE: "elsewhere", NOT_THERE: "missing"}
# Findings that the check cannot mend by itself.
_NEEDS_SOMEBODY = ("lost", "missing", "elsewhere", "unreadable")
# More keys than this of somebody else's are not asked for one by one.
_MOST_UNKNOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFinding:
    """Something about one organization's key. ``kind`` is ``repaired``, ``retired``, ``leftover``,
    ``unreadable``, ``lost``, ``found``, ``missing``, ``elsewhere`` or ``failed``."""

    organization_id: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKey:
    """A key at OpenRouter with a name as ours have, of no organization here."""

    hash: str
    name: str
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReport:
    """``was_run`` is false without a management key; ``problem`` says why it ended early."""

    at_ms: int
    was_run: bool
    problem: str | None = None
    checked: int = 0
    findings: Sequence[KeyFinding] = ()
    unknown: Sequence[UnknownKey] = ()

    @property
    def trouble(self) -> str | None:
        """A sentence about what somebody has to do something about; ``None`` when all is well."""
        if self.problem is not None:
            return f"organizations' keys were not all checked: {self.problem}"
        names = [f.organization_id for f in self.findings if f.kind in (*_NEEDS_SOMEBODY, "failed")]
        return f"keys need attention in the organizations {', '.join(names)}" if names else None


class KeyCheck:
    """May run in several processes at once: each step may be done twice."""

    def __init__(
        self,
        store: KeyStore,
        management: KeyManagement,
        *,
        upkeep: KeyUpkeep,
        management_key: Callable[[], str | None],
        clock: Clock,
    ) -> None:
        self._store = store
        self._management = management
        self._upkeep = upkeep
        self._management_key = management_key
        self._clock = clock
        self._last: KeyReport | None = None

    def last_report(self) -> KeyReport | None:
        """What the last run in this process found."""
        return self._last

    async def run_once(self) -> KeyReport:
        """Compare, repair and report. Raises nothing of OpenRouter's."""
        management_key = self._management_key()
        if management_key is None:
            self._last = KeyReport(at_ms=self._clock.now_ms(), was_run=False)
            return self._last
        run = _Run(self._store, self._management, self._upkeep, self._clock, management_key)
        problem = None
        try:
            await run.everything()
        except UpstreamError as error:
            problem = str(error)
            tally.warn("key checks ended early", f"Checking the keys ended early: {problem}")
        await asyncio.to_thread(run.write_down)
        self._last = KeyReport(
            at_ms=self._clock.now_ms(),
            was_run=True,
            problem=problem,
            checked=run.checked,
            findings=tuple(run.findings),
            unknown=tuple(run.unknown),
        )
        return self._last


class _Run:
    """The state of one run."""

    def __init__(
        self,
        store: KeyStore,
        management: KeyManagement,
        upkeep: KeyUpkeep,
        clock: Clock,
        management_key: str,
    ) -> None:
        self._store = store
        self._management = management
        self._upkeep = upkeep
        self._clock = clock
        self._management_key = management_key
        self._listed: Mapping[str, RemoteKey] = {}
        self._problems: dict[str, str | None] = {}
        self.findings: list[KeyFinding] = []
        self.unknown: list[UnknownKey] = []

    @property
    def checked(self) -> int:
        return len(self._problems)

    async def everything(self) -> None:
        # OpenRouter first: a key made in between then stands in the rows, by its name at least.
        listed = await self._management.keys(management_key=self._management_key)
        self._listed = {key.hash: key for key in listed}
        all_facts = await asyncio.to_thread(self._store.all_facts)
        for facts in all_facts:
            await self._one(facts)
        await self._find_unknown(all_facts)

    def write_down(self) -> None:
        """What each organization's key has for a problem now, the sound ones in one go."""
        for found in self.findings:
            if found.kind in _NEEDS_SOMEBODY:
                self._upkeep.note_trouble(
                    found.organization_id, kind=found.kind, problem=found.detail
                )
        now_ms = self._clock.now_ms()
        for problem in {None, *self._problems.values()}:
            alike = [name for name, found in self._problems.items() if found == problem]
            if alike:
                self._store.set_checked(alike, problem=problem, now_ms=now_ms)

    async def _one(self, facts: KeyFacts) -> None:
        try:
            await self._clear_claim(facts)
            await self._retire(facts)
            problem = await self._compare(facts)
        except UpstreamError as error:
            self._problems[facts.organization_id] = str(error)
            self._found(facts, "failed", str(error))
            if error.status == 400:
                # About this key alone; anything else will be the same for the next one.
                return
            raise
        self._problems[facts.organization_id] = problem

    async def _clear_claim(self, facts: KeyFacts) -> None:
        """Delete what a dead maker may have left, and its claim. The claim is renewed first, so
        that nobody makes a key of that name meanwhile."""
        name, at_ms = facts.key.pending_name, facts.key.pending_at_ms or 0
        now_ms = self._clock.now_ms()
        if name is None or now_ms - at_ms < LEFT_BEHIND_MS:
            return
        if not await asyncio.to_thread(self._store.claim, facts, name=name, now_ms=now_ms):
            return
        organization_id = facts.organization_id
        try:
            deleted = await self._upkeep.delete_leftovers(
                facts,
                self._listed.values(),
                name=name,
                actor=SYSTEM,
                management_key=self._management_key,
            )
        except UpstreamError:
            await asyncio.to_thread(
                self._store.give_up,
                organization_id,
                name=name,
                at_ms=now_ms,
                aged_ms=LEFT_BEHIND_MS,
            )
            raise
        await asyncio.to_thread(self._store.release, organization_id, name=name, at_ms=now_ms)
        if deleted:
            self._found(facts, "leftover", f"deleted {deleted} of the name {name}")

    async def _retire(self, facts: KeyFacts) -> None:
        is_due = self._clock.now_ms() >= (facts.key.retire_at_ms or 0)
        if facts.key.retiring_hash is None or not is_due:
            return
        await self._upkeep.retire(facts, actor=SYSTEM, management_key=self._management_key)
        self._found(facts, "retired", "the replaced key was deleted")

    async def _compare(self, facts: KeyFacts) -> str | None:
        """Put the key right; a sentence about what cannot be."""
        if facts.key.hash is None:
            return facts.key.problem
        remote = self._listed.get(facts.key.hash)
        if remote is None:
            # A list that changes while it is read may lack one; the key's own page decides.
            remote = await self._management.key(facts.key.hash, management_key=self._management_key)
        if facts.stored_state is KeyState.LOST:
            return await self._found_again(facts, remote)
        changes = None
        if remote is not None:
            changes = await self._upkeep.push_afresh(
                facts,
                remote,
                action="key.repaired",
                actor=SYSTEM,
                management_key=self._management_key,
            )
        if changes is None:
            sentence = await self._upkeep.missing(facts, actor=SYSTEM)
            self._found(facts, _KINDS[sentence], sentence)
            return sentence
        if changes:
            self._found(facts, "repaired", ", ".join(sorted(changes)))
        if remote is not None:
            await self._delete_twins(facts, remote)
        if facts.key.state is KeyState.UNREADABLE:
            self._found(facts, "unreadable", _UNREADABLE)
            return _UNREADABLE
        return None

    async def _found_again(self, facts: KeyFacts, remote: RemoteKey | None) -> str | None:
        if remote is None:
            return facts.key.problem
        if await asyncio.to_thread(self._upkeep.set_found, facts, remote, SYSTEM):
            self._found(facts, "found", "OpenRouter knows the key again")
        return None

    async def _delete_twins(self, facts: KeyFacts, remote: RemoteKey) -> None:
        """An attempt that was given up may have made its key late; the next one used its name."""
        if not is_ours(remote.name):
            return
        deleted = await self._upkeep.delete_leftovers(
            facts,
            self._listed.values(),
            name=remote.name,
            actor=SYSTEM,
            management_key=self._management_key,
        )
        if deleted:
            self._found(facts, "leftover", f"deleted {deleted} of the name {remote.name}")

    async def _find_unknown(self, all_facts: Sequence[KeyFacts]) -> None:
        """Keys that look like ours and belong to nobody. Another installation may use the same
        account, so they are never touched."""
        known = {facts.key.hash for facts in all_facts}
        known |= {facts.key.retiring_hash for facts in all_facts}
        names = {facts.key.pending_name for facts in all_facts}
        names |= {key.name for key in self._listed.values() if key.hash in known}
        for key in self._listed.values():
            if key.hash in known or key.name in names or not is_ours(key.name):
                continue
            if len(self.unknown) < _MOST_UNKNOWN and await self._is_gone(key):
                continue
            self.unknown.append(UnknownKey(hash=key.hash, name=key.name, label=key.label))

    async def _is_gone(self, key: RemoteKey) -> bool:
        """Whether it was deleted since the list was read, as a replaced one just was."""
        found = await self._management.key(key.hash, management_key=self._management_key)
        return found is None

    def _found(self, facts: KeyFacts, kind: str, detail: str) -> None:
        organization_id = facts.organization_id
        self.findings.append(KeyFinding(organization_id=organization_id, kind=kind, detail=detail))
        if kind in _NEEDS_SOMEBODY:
            tally.warn(f"keys found {kind}", f"The key of {organization_id}: {detail}")
