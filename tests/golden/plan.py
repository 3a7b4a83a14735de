"""What happens in the golden year: who calls what, when, and what is changed meanwhile.

2024 has a leap day. Everything follows from one seed, so that every database gets the same year.
"""

import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby
from typing import TypeVar
from zoneinfo import ZoneInfo

from mai_usage_ext.simulator.charge import Tokens

__all__ = [
    "DELETED",
    "FIRST",
    "LAST",
    "LAST_SEALING",
    "LIVE_FROM",
    "MOVE",
    "ORGANIZATIONS",
    "PRICES",
    "Call",
    "How",
    "Organization",
    "Price",
    "calls",
    "instant",
]

SEED = 20240229
FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
# Sealing is done for the last time on the day before, and the days of New Zealand end first.
LAST_SEALING = date(2024, 12, 30)
LIVE_FROM = (date(2024, 12, 31), date(2024, 12, 30), date(2024, 12, 30))


class How(StrEnum):
    """How a call goes, and how its cost is learned."""

    ANSWERED = "answered"  # the answer says it
    REPEATED = "repeated"  # it says so twice
    FAILED = "failed"  # it ends with an error, and says what it cost all the same
    STOPPED = "stopped"  # somebody stops it; its generation is asked for
    SILENT = "silent"  # it says no cost; its generation is asked for
    REJECTED = "rejected"  # the provider turns it away
    LOST = "lost"  # nothing is known of it until its day is reconciled
    FOREIGN = "foreign"  # somebody else uses the key; found when the day is reconciled


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """``users`` are those that begin the year in it, the first one as its manager. A month's
    statement is closed on the day ``closed_on`` of the next one, at night."""

    name: str
    time_zone: str
    currency: str
    users: tuple[str, ...]
    closed_on: int

    @property
    def key(self) -> str:
        return f"sk-or-v1-of-{self.name.partition(' ')[0].lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD; ``since`` is local time of the organization, ``None`` the beginning of everything."""

    organization: str
    rate: str
    fee: str = "0"
    model_pattern: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``user`` is of the host, ``None`` where the call is not ours. ``late`` is how long after its
    end the provider, or the reconciliation, can tell what it cost."""

    at: datetime
    organization: str
    user: str | None
    model: str
    purpose: str
    how: How
    tokens: Tokens
    is_stream: bool
    is_byok: bool
    first_byte_ms: int
    duration_ms: int
    late: timedelta
    tail: str


ORGANIZATIONS = (
    Organization(
        name="Kiwi Ltd",
        time_zone="Pacific/Auckland",
        currency="NZD",
        users=("hana", "tama", "rua"),
        closed_on=1,
    ),
    Organization(
        name="Wisla sp. z o.o.",
        time_zone="Europe/Warsaw",
        currency="PLN",
        users=("ola", "jan", "ewa", "iga"),
        closed_on=3,
    ),
    Organization(
        name="Sunset Inc",
        time_zone="America/Los_Angeles",
        currency="USD",
        users=("sam", "mia", "lee"),
        closed_on=10,
    ),
)
PRICES = (
    Price(organization="Kiwi Ltd", rate="1.3"),
    Price(organization="Kiwi Ltd", rate="1.45", since=datetime(2024, 7, 1)),  # noqa: DTZ001
    Price(organization="Wisla sp. z o.o.", rate="1.25", fee="0.0005"),
    Price(
        organization="Wisla sp. z o.o.",
        rate="1.5",
        model_pattern="anthropic/*",
        since=datetime(2024, 3, 1),  # noqa: DTZ001
    ),
    Price(
        organization="Wisla sp. z o.o.",
        rate="1.175001",
        since=datetime(2024, 9, 15, 13, 30),  # noqa: DTZ001
    ),
    # Half of all odd amounts of picodollars lie exactly between two.
    Price(organization="Sunset Inc", rate="1.5"),
    Price(
        organization="Sunset Inc",
        rate="1.333333",
        fee="0.000000000007",
        since=datetime(2024, 11, 3, 1, 30),  # noqa: DTZ001 - an hour that comes twice that night
    ),
)
# Who changes organization when, and who is deleted by the host when.
MOVE = ("tama", "Kiwi Ltd", "Sunset Inc", datetime(2024, 5, 17, 2, 45, tzinfo=UTC))
DELETED = ("jan", datetime(2024, 10, 10, 9, 0, tzinfo=UTC))

_MODELS = (
    ("openai/gpt-4o-mini", 34),
    ("openai/gpt-4o", 12),
    ("anthropic/claude-sonnet-4", 18),
    ("google/gemini-2.5-flash", 12),
    ("deepseek/deepseek-chat-v3-0324", 8),
    ("meta-llama/llama-3.3-70b-instruct:free", 4),
    ("qwen/qwen3-8b", 8),
    ("openai/text-embedding-3-small", 4),
)
_PURPOSES = (("chat", 60), ("title", 14), ("tags", 10), ("follow_up", 6), ("api", 10))
_HOW = (
    (How.ANSWERED, 800),
    (How.REPEATED, 20),
    (How.FAILED, 35),
    (How.STOPPED, 80),
    (How.SILENT, 25),
    (How.REJECTED, 25),
    (How.LOST, 15),
    (How.FOREIGN, 5),
)
_AT_ONCE = timedelta(seconds=2)
# Days for some, which then come into days that are sealed.
_LATE = ((_AT_ONCE, 6), (timedelta(days=2), 2), (timedelta(days=9), 2))
_RECONCILED_AFTER = timedelta(days=6)
# So that nothing is left to be found out when the year is over.
_PROMPT_FROM = datetime(2024, 12, 15, tzinfo=UTC)
_LETTERS = string.ascii_letters + string.digits

_T = TypeVar("_T")


def instant(local: datetime, time_zone: str) -> datetime:
    """The UTC instant of a wall clock; the first of two where it comes twice."""
    return local.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def calls() -> list[Call]:
    """Every call of the year, of all organizations, in the order in which they begin."""
    made = [
        call for n, organization in enumerate(ORGANIZATIONS) for call in _calls_of(organization, n)
    ]
    return sorted(made, key=lambda call: (call.at, call.organization))


def _calls_of(organization: Organization, n: int) -> Iterator[Call]:
    rng = random.Random(SEED + n)
    instants = sorted({*_everyday(organization, rng), *_edges(organization)})
    for _, of_day in groupby(instants, key=lambda at: at.date()):
        has_adjustment = False
        for at in of_day:
            how = _one_of(_HOW, rng)
            if how in (How.LOST, How.FOREIGN):
                # Reconciliation makes one entry of all that a key's day lacks.
                how = How.ANSWERED if has_adjustment or at >= _PROMPT_FROM else how
                has_adjustment = True
            yield _call(organization, at, how, rng)


def _everyday(organization: Organization, rng: random.Random) -> Iterator[datetime]:
    """Several calls on many working days, fewer on others, in the organization's daytime."""
    for n in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=n)
        most = 9 if day.weekday() < 5 else 2
        # Every seal costs time, so the year has quiet days as well.
        count = rng.randint(1, most) if rng.random() < 0.4 else 0
        for _ in range(count):
            at = time(rng.randint(6, 22), rng.randint(0, 59), rng.randint(0, 59))
            local = datetime.combine(day, at) + timedelta(milliseconds=rng.randint(0, 999))
            yield instant(local, organization.time_zone)
    # However quiet: the leap day, and the two that are live in the end.
    for day in (date(2024, 2, 29), LAST - timedelta(days=1), LAST):
        yield instant(datetime.combine(day, time(12, 34, 56)), organization.time_zone)


def _edges(organization: Organization) -> Iterator[datetime]:
    """Around each month's midnights, and through the nights in which clocks change."""
    zone = ZoneInfo(organization.time_zone)
    for month in range(2, 13):
        midnight = instant(datetime(2024, month, 1), organization.time_zone)  # noqa: DTZ001
        yield from (midnight - timedelta(milliseconds=1), midnight)
    hours = (datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=n) for n in range(363 * 24))
    for hour in hours:
        before, after = hour.astimezone(zone), (hour + timedelta(hours=1)).astimezone(zone)
        if before.utcoffset() != after.utcoffset():
            yield from (hour + timedelta(minutes=n) for n in range(-1500, 1600, 95))


def _call(organization: Organization, at: datetime, how: How, rng: random.Random) -> Call:
    model = _one_of(_MODELS, rng)
    embeds = "embedding" in model
    first_byte_ms = rng.randint(90, 1_500)
    late = timedelta()
    if how in (How.STOPPED, How.SILENT):
        late = _one_of(_LATE, rng) if at < _PROMPT_FROM else _AT_ONCE
    elif how in (How.LOST, How.FOREIGN):
        late = _RECONCILED_AFTER
    return Call(
        at=at,
        organization=organization.name,
        user=None if how is How.FOREIGN else _user(organization, at, rng),
        model=model,
        purpose="embeddings" if embeds else _one_of(_PURPOSES, rng),
        how=how,
        tokens=_tokens(rng, embeds=embeds),
        is_stream=not embeds and how is not How.SILENT and rng.random() < 0.6,
        is_byok=rng.random() < 0.06,
        first_byte_ms=first_byte_ms,
        duration_ms=first_byte_ms + rng.randint(1, 20_000),
        late=late,
        tail="".join(rng.choices(_LETTERS, k=20)),
    )


def _user(organization: Organization, at: datetime, rng: random.Random) -> str:
    """Whoever may be in the organization then; the deleted one has stopped a while before."""
    users = list(organization.users)
    mover, origin, target, moved_at = MOVE
    if organization.name == origin and at >= moved_at:
        users.remove(mover)
    elif organization.name == target and at >= moved_at:
        users.append(mover)
    deleted, deleted_at = DELETED
    if deleted in users and at >= deleted_at:
        users.remove(deleted)
    return rng.choice(users)


def _tokens(rng: random.Random, *, embeds: bool) -> Tokens:
    prompt = rng.randint(9, 4_001)
    completion = 0 if embeds else rng.randint(1, 901)
    return Tokens(
        prompt=prompt,
        completion=completion,
        # The usage block of embeddings says nothing of caches.
        cached=rng.randint(0, prompt) if not embeds and rng.random() < 0.3 else 0,
        reasoning=rng.randint(0, completion) if rng.random() < 0.2 else 0,
        searches=0 if embeds or rng.random() > 0.02 else 1,
    )


def _one_of(weighted: Sequence[tuple[_T, int]], rng: random.Random) -> _T:
    return rng.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]
