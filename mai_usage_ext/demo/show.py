"""The show from curtain to curtain: host up, play, books compared, live traffic, host down."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

from mai_usage_ext.demo.books import Books, Verdict, judge
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.play import Play
from mai_usage_ext.demo.stage import Stage, host_environment
from mai_usage_ext.demo.upstreams import Upstream

__all__ = ["Show"]

# A cancelled call may take a few rounds of asking until its cost is known.
_SETTLE_WAIT_S = 120.0
_LOOK_EVERY_S = 0.3


class Show:
    """One run of the demo on one data folder. ``end`` may be called at any point."""

    def __init__(
        self,
        upstream: Upstream,
        data: Path,
        *,
        port: int,
        models: Sequence[str],
        embedding_model: str,
        proxies: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:
        self._upstream = upstream
        self._models = models
        self._embedding_model = embedding_model
        self._tell = tell
        self._began = time.monotonic()
        self.host = HostProcess(
            data,
            upstream=upstream.base_url,
            key=upstream.key,
            port=port,
            environment=host_environment(
                (*models, embedding_model),
                management_key=upstream.management_key,
                proxies=dict(proxies),
            ),
        )
        self.books = Books(self.host.usage_database)
        self._stage: Stage | None = None
        self._play: Play | None = None

    async def begin(self) -> None:
        """Start the host and set the stage. Raises ``HostError``."""
        self._line("starting Open WebUI with the extension; the first start takes some seconds")
        await asyncio.to_thread(self.host.start)
        self._line(f"Open WebUI {self.host.version()} answers on {self.host.url}")
        stage = Stage(self.host)
        await asyncio.to_thread(stage.set_up)
        for organization in dict.fromkeys(organization for organization, _ in stage.members):
            people = ", ".join(who.name for at, who in stage.members if at == organization)
            self._line(f"{organization.described}: {people}")
        self._stage = stage

    async def play_and_judge(self) -> Verdict:
        """All acts, then wait until nothing is pending, then compare."""
        async with aiohttp.ClientSession() as session:
            play = self._new_play(session)
            await play.all_acts()
            self._line("waiting until every call is settled")
            await self._settled()
            return await self._judge(play)

    async def stay(self, *, live: bool) -> None:
        """Tell where to look, and keep going until cancelled."""
        self._tell(self.directions())
        async with aiohttp.ClientSession() as session:
            if live:
                await self._new_play(session).go_on()
            await asyncio.Event().wait()

    def end(self) -> None:
        """Stop the host."""
        if self.host.is_running:
            self.host.stop()

    def directions(self) -> str:
        """The address, the logins and where the numbers are."""
        stage = self._staged()
        width = max(len(email) for email, _, _ in stage.logins())
        logins = "\n".join(
            f"    {email:<{width}}  {password}   {what}" for email, password, what in stage.logins()
        )
        return (
            f"\n  Open  {self.host.url}  and sign in as one of\n{logins}\n\n"
            "  then look at Settings → Organization usage; in Corner Shop nothing fits the\n"
            "  monthly limit, so a chat there shows the refusal. "
            "Live traffic goes on until you press Ctrl-C.\n"
        )

    def _new_play(self, session: aiohttp.ClientSession) -> Play:
        cast = self._staged().cast(session, models=self._models)
        return Play(
            cast,
            embedding_model=self._embedding_model,
            simulated=self._upstream.simulated,
            tell=lambda what: self._line(f"✓ {what}"),
        )

    async def _settled(self) -> None:
        """Return when nothing is under way or pending, or when the wait has been long enough."""
        deadline = time.monotonic() + _SETTLE_WAIT_S
        while time.monotonic() < deadline:
            unsettled = await asyncio.to_thread(self.books.unsettled)
            if not unsettled and not await self._upstream.open_calls():
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _judge(self, play: Play) -> Verdict:
        entries = await asyncio.to_thread(self.books.entries)
        unsettled = await asyncio.to_thread(self.books.unsettled)
        known = play.seen | {entry.generation_id for entry in entries}
        bill = await self._upstream.charged(known)
        verdict = judge(self.host.version(), bill, entries, pending=unsettled.total())
        self._summarise(verdict, unsettled)
        return verdict

    def _summarise(self, verdict: Verdict, unsettled: Mapping[str, int]) -> None:
        equal = "equal to the picodollar" if verdict.equal else "THEY DIFFER"
        self._tell("")
        self._tell(
            f"  upstream's own bill  {_usd(verdict.bill_pusd)}  {verdict.upstream_calls} calls"
        )
        self._tell(
            f"  our ledger           {_usd(verdict.ledger_pusd)}  {verdict.ledger_entries} entries"
        )
        self._tell(f"  {equal}; lost {verdict.lost}, duplicated {verdict.duplicated}")
        if unsettled:
            states = ", ".join(f"{count} {state}" for state, count in sorted(unsettled.items()))
            self._tell(f"  not settled: {states}")
        self._tell("")

    def _staged(self) -> Stage:
        if self._stage is None:
            raise RuntimeError("begin() comes first")
        return self._stage

    def _line(self, text: str) -> None:
        self._tell(f"{time.monotonic() - self._began:6.1f} s  {text}")


def _usd(pusd: int) -> str:
    whole, fraction = divmod(pusd, 10**12)
    return f"{whole}.{fraction:012d} USD"
