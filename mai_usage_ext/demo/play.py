"""The play: every kind of call that a host makes, by people of two organizations."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mai_usage_ext.demo.person import (
    CHAT,
    EMBEDDINGS,
    OPENAI_CHAT,
    Answer,
    Person,
    generation_id_of,
)
from mai_usage_ext.demo.screen import Screen, Turn

__all__ = ["Cast", "Play", "PlayError"]

_QUESTIONS = (
    "What makes a good sourdough starter?",
    "How do tides work around small islands?",
    "Suggest a quiet weekend walk near a lake.",
    "Which habits help when learning a new language?",
    "How should a small team plan its next quarter?",
    "What is worth knowing before adopting a cat?",
    "Explain compound interest with one example.",
    "How can a balcony garden survive a hot summer?",
)

# What the simulator is asked to do; the real service has no such switch.
_FAIL_WITH_USAGE = '[[simulate {"stream_error": "with_usage"}]] '
_FAIL_WITHOUT_USAGE = '[[simulate {"stream_error": "without_usage"}]] '


class PlayError(Exception):
    """A call that should have worked did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays: two of the first organization, two of the second."""

    first: tuple[Person, Person]
    second: tuple[Person, Person]

    @property
    def everybody(self) -> tuple[Person, ...]:
        return (*self.first, *self.second)


class Play:
    """Plays on a running host. ``seen`` collects every generation id that callers were shown.

    ``tell`` gets one line for each act. ``simulated`` adds the acts that only a simulator can play.
    ``screen`` and ``embeddings_path`` are those of the host's version.
    """

    def __init__(
        self,
        cast: Cast,
        *,
        embedding_model: str,
        simulated: bool,
        tell: Callable[[str], None],
        screen: type[Screen] = Screen,
        embeddings_path: str = EMBEDDINGS,
    ) -> None:
        self._cast = cast
        self._screen = screen
        self._embeddings_path = embeddings_path
        self._embedding_model = embedding_model
        self._simulated = simulated
        self._tell = tell
        self._questions = itertools.cycle(_QUESTIONS)
        self.seen: set[str] = set()

    async def all_acts(self) -> None:
        """Every kind of call once, then both organizations at once."""
        acts: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("chats by API, plain and streamed", self._chats),
            ("calls that pass straight on to /openai/chat/completions", self._passed_on),
            ("embeddings", self._embeddings),
            ("a turn at the screen with its title, tags and follow-ups", self._turn),
            ("an answer stopped half-way with the stop button", self._stopped),
            ("a caller who hangs up half-way", self._hung_up),
        ]
        if self._simulated:
            acts.append(("answers that break off with an error", self._broken))
        acts.append(("both organizations at once", self._at_once))
        for what, act in acts:
            await act()
            self._tell(what)

    async def go_on(self, *, pause_s: float = 6.0) -> None:
        """Gentle live traffic, until cancelled."""
        while True:
            person = random.choice(self._cast.everybody)  # noqa: S311 - not a secret
            if random.random() < 0.3:  # noqa: S311
                await self._turn(person)
            else:
                await self._ask(person, stream=random.random() < 0.7)  # noqa: S311
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311

    async def _chats(self) -> None:
        for person in self._cast.everybody:
            await self._ask(person, stream=False)
            await self._ask(person, stream=True)

    async def _passed_on(self) -> None:
        for person in self._cast.first:
            await self._ask(person, stream=False, path=OPENAI_CHAT)
            await self._ask(person, stream=True, path=OPENAI_CHAT)

    async def _embeddings(self) -> None:
        texts = ("a quiet lake", "a loud market")
        for person in self._cast.second:
            answer = await person.embed(
                *texts, model=self._embedding_model, path=self._embeddings_path
            )
            self._note(answer)

    async def _turn(self, person: Person | None = None) -> Turn:
        async with self._screen(person or self._cast.first[0]) as screen:
            return await screen.finish(await screen.ask(next(self._questions)))

    async def _stopped(self) -> None:
        for person in (self._cast.first[1], self._cast.second[0]):
            async with self._screen(person) as screen:
                turn = await screen.ask(self._long_question(), tasks=())
                await screen.stop(await screen.wait_for_text(turn))

    async def _hung_up(self) -> None:
        body = await self._cast.second[1].walk_away(self._long_question())
        self._note_id(body)

    async def _broken(self) -> None:
        person = self._cast.first[1]
        for fault in (_FAIL_WITH_USAGE, _FAIL_WITHOUT_USAGE):
            self._note(await person.chat(fault + next(self._questions), stream=True))

    async def _at_once(self) -> None:
        calls = [
            self._ask(person, stream=stream, path=path)
            for person in self._cast.everybody
            for stream, path in ((True, CHAT), (False, CHAT), (True, OPENAI_CHAT))
        ]
        turns = [self._turn(person) for person in (self._cast.first[1], self._cast.second[0])]
        await asyncio.gather(*calls, *turns)

    async def _ask(self, person: Person, *, stream: bool, path: str = CHAT) -> None:
        self._note(await person.chat(next(self._questions), stream=stream, path=path))

    def _note(self, answer: Answer) -> None:
        if answer.status >= 400:
            raise PlayError(f"the host answered {answer.status}: {answer.text[:300]}")
        self._note_id(answer.body)

    def _note_id(self, body: bytes) -> None:
        found = generation_id_of(body)
        if found and found.startswith("gen-"):
            self.seen.add(found)

    def _long_question(self) -> str:
        # A real model would be done before anybody could press stop.
        return next(self._questions) + " Please answer at length, in about six hundred words."
