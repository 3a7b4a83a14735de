"""A reseller after a year: four organizations, their people and some 12,000 calls, sealed.

The calls go the way real ones do: held, settled by the writer, sealed by day. They are made from a
fixed seed, so two pictures of one day are the same but for the day's date.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from mai_usage_ext.bootstrap import Workbench
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import SYSTEM, Hold, LedgerEntry, OrganizationRecord, Outcome, Source
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.writer import LedgerWriter
from tests.host.theatre import Theatre

__all__ = ["DAYS", "Showcase", "set_up"]

DAYS = 365
_SEED = 7
_RATE_MICRO = 1_300_000


@dataclass(frozen=True, slots=True)
class Model:
    """``prompt`` and ``completion`` are picodollars of raw cost a token."""

    name: str
    provider: str
    prompt: int
    completion: int


_MODELS = (
    Model("anthropic/claude-sonnet-4", "Anthropic", 3_000_000, 15_000_000),
    Model("openai/gpt-4o-mini", "OpenAI", 150_000, 600_000),
    Model("google/gemini-2.5-flash", "Google", 300_000, 2_500_000),
    Model("qwen/qwen3-8b", "Novita", 35_000, 138_000),
)
_PURPOSES = ("chat", "chat", "chat", "title", "tags", "follow_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """``calls`` on a working day at the year's end; ``quiet`` days without any before today."""

    name: str
    timezone: str
    people: tuple[str, ...]
    calls: int
    monthly_limit: str | None = None
    quiet: int = 0


CLIENTS = (
    Client(
        name="Aurora Labs",
        timezone="Europe/Warsaw",
        people=("Anna", "Boris", "Chen"),
        calls=20,
        monthly_limit="40",
    ),
    Client(
        name="Fjord & Sons",
        timezone="Europe/Oslo",
        people=("Dora", "Frida"),
        calls=12,
        monthly_limit="15",
    ),
    Client(name="Kiwi Books", timezone="Pacific/Auckland", people=("Greta",), calls=6),
    Client(
        name="Pampa Coffee", timezone="America/Argentina/Buenos_Aires", people=(), calls=5, quiet=20
    ),
)


@dataclass(frozen=True, slots=True)
class Showcase:
    """What was booked on ``host``; ``entries`` by organization's name, oldest first."""

    host: HostProcess
    organizations: dict[str, OrganizationRecord]
    entries: dict[str, list[LedgerEntry]] = field(default_factory=dict)


def set_up(theatre: Theatre, host: HostProcess, workbench: Workbench) -> Showcase:
    """Everything of the year, up to this moment. Anna and Dora manage their organizations."""
    showcase = Showcase(host, {})
    chance = random.Random(_SEED)
    ledger = LedgerWriter(workbench.database, owner="showcase")
    ledger.start()
    for client in CLIENTS:
        made = _organization(theatre, workbench, client)
        ids = [theatre.people[name].account.id for name in client.people] or ["left-long-ago"]
        entries = list(_year(client, made.id, ids, chance))
        waiting = [_book(ledger, entry) for entry in entries]
        for each in waiting:
            each.result(timeout=60)
        showcase.organizations[client.name] = made
        showcase.entries[client.name] = entries
    ledger.stop(30)
    for client in CLIENTS:
        _seal(workbench, showcase, client)
    return showcase


def _seal(workbench: Workbench, showcase: Showcase, client: Client) -> None:
    """The days before today, a month in one transaction: a commit each would take half the time."""
    seals, now_ms = SealRows(workbench.database), _now_ms()
    made, today = showcase.organizations[client.name], billing_day(now_ms, client.timezone)
    days = sorted({entry.day for entry in showcase.entries[client.name] if entry.day < today})
    for _, month in groupby(days, key=lambda day: f"{day:%Y-%m}"):
        with transaction(workbench.database):
            for day in month:
                seals.seal(made.id, day, now_ms=now_ms)


def _organization(theatre: Theatre, workbench: Workbench, client: Client) -> OrganizationRecord:
    fields = {"name": client.name, "timezone": client.timezone, "markup_rate": "1.3"}
    if client.monthly_limit is not None:
        fields["monthly_limit"] = client.monthly_limit
    made = workbench.organizations.create(fields, actor=SYSTEM)
    for place, name in enumerate(client.people):
        workbench.members.assign(
            theatre.people[name].account.id,
            made.id,
            actor=SYSTEM,
            role="manager" if place == 0 else "member",
        )
    return made


def _year(
    client: Client, organization_id: str, people: list[str], chance: random.Random
) -> Iterator[LedgerEntry]:
    now_ms, zone = _now_ms(), ZoneInfo(client.timezone)
    today = billing_day(now_ms, client.timezone)
    for back in range(DAYS, client.quiet - 1, -1):
        day = today - timedelta(days=back)
        for n in range(_calls_on(client, day, back, chance)):
            at = datetime.combine(day, time(8), zone) + timedelta(minutes=23 * n)
            at_ms = int(at.timestamp()) * 1000
            if at_ms < now_ms:
                yield _entry(organization_id, people, day, at_ms, chance)


def _calls_on(client: Client, day: date, back: int, chance: random.Random) -> int:
    """The organizations grew over the year, and rest on most weekends."""
    if day.weekday() >= 5:
        return chance.choice((0, 0, 1, 2))
    grown = client.calls * (2 * DAYS - back) // (2 * DAYS)
    return max(1, grown + chance.randint(-2, 2))


def _entry(
    organization_id: str, people: list[str], day: date, at_ms: int, chance: random.Random
) -> LedgerEntry:
    model = chance.choices(_MODELS, weights=(5, 8, 4, 2))[0]
    purpose = chance.choice(_PURPOSES)
    prompt = chance.randint(4_000, 90_000)
    completion = chance.randint(200, 4_000) if purpose == "chat" else chance.randint(8, 60)
    outcome = chance.choices(
        (Outcome.COMPLETED, Outcome.CANCELLED, Outcome.FAILED), weights=(94, 4, 2)
    )[0]
    raw = prompt * model.prompt + completion * model.completion
    duration = 400 + completion * chance.randint(9, 22)
    return LedgerEntry(
        generation_id=f"gen-{at_ms // 1000}-{chance.getrandbits(64):016x}",
        sequence=0,
        organization_id=organization_id,
        user_id=chance.choices(people, weights=range(len(people) + 2, 2, -1))[0],
        model=model.name,
        provider=model.provider,
        purpose=purpose,
        day=day,
        at_ms=at_ms,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=prompt // 3 if chance.random() < 0.3 else 0,
        reasoning_tokens=completion // 4 if model.name.startswith("google") else 0,
        raw_pusd=raw,
        billed_pusd=raw * _RATE_MICRO // 1_000_000,
        rate_micro=_RATE_MICRO,
        fee_pusd=0,
        outcome=outcome,
        source=Source.STREAM,
        first_byte_ms=chance.randint(180, 900),
        duration_ms=duration,
        booked_at_ms=at_ms + duration,
    )


def _book(ledger: LedgerWriter, entry: LedgerEntry) -> Future[bool]:
    hold = Hold(
        id=uuid.uuid4().hex,
        organization_id=entry.organization_id,
        user_id=entry.user_id,
        model=entry.model,
        purpose=entry.purpose,
        estimate_pusd=entry.billed_pusd,
        rate_micro=entry.rate_micro,
        fee_pusd=0,
        day=entry.day,
        month=f"{entry.day:%Y-%m}",
        at_ms=entry.at_ms,
        owner="showcase",
    )
    return ledger.settle(hold, entry)


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp()) * 1000
