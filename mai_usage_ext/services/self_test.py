"""A recording self-test: one real call, followed through every place it has to show up in.

It is a call of nobody, booked under the organization ``unassigned`` for the purpose ``self_test``,
so no client pays for it. It spends money, so it stands in the audit trail.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.metering.money import billed_pusd, usd_from_pusd
from mai_usage_ext.ports import UNASSIGNED, Actor, HoldState, UnitOfWork
from mai_usage_ext.ports.cases import Case, CaseStore
from mai_usage_ext.ports.self_test import (
    PURPOSE,
    CheapestModel,
    ModelOffer,
    TestAnswer,
    TestCall,
)
from mai_usage_ext.ports.steps import Step, is_fine
from mai_usage_ext.services.audit import Audit

__all__ = ["SelfTest", "SelfTestReport"]

# A commit takes milliseconds; a locked database is given a while.
_PATIENCE_S, _PAUSE_S = 5.0, 0.1
_REFUSED = {
    0: "run POST debug/openrouter: it tries the way to OpenRouter step by step",
    401: "OpenRouter refuses the host's key: enter a valid one under Connections in the host's "
    "admin settings",
    402: "the host's account at OpenRouter has no credits, or a limit refused the call: the "
    "sentence says which",
    403: "the key may not use this model, or the organization unassigned is deactivated",
    503: "the meter cannot check now: see GET health",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestReport:
    """``cost_pusd`` is what was spent at OpenRouter, ``None`` where no call came about."""

    model: str | None
    steps: Sequence[Step]
    cost_pusd: int | None

    @property
    def is_ok(self) -> bool:
        return is_fine(self.steps)


class SelfTest:
    """``key`` is one that the host uses itself; ``base_urls`` are those that are metered."""

    def __init__(
        self,
        cases: CaseStore,
        models: CheapestModel,
        call: TestCall,
        *,
        key: Callable[[], Awaitable[str | None]],
        base_urls: Sequence[str],
        audit: Audit,
        unit_of_work: UnitOfWork,
    ) -> None:
        self._cases = cases
        self._models = models
        self._call = call
        self._key = key
        self._base_urls = base_urls
        self._audit = audit
        self._unit_of_work = unit_of_work

    async def offer(self, model: str | None = None) -> ModelOffer:
        """What it would call, and for how much. Spends nothing. Raises as ``CheapestModel``."""
        return await self._models.find(model)

    async def run(
        self, model: str | None = None, *, actor: Actor, key: str | None = None
    ) -> SelfTestReport:
        """Spends real money; ``key`` stands in for the host's. Raises ``BadInput`` for a model that
        is not there."""
        steps = _Steps()
        try:
            offer = await self._models.find(model)
        except UpstreamError as error:
            steps.add("price", str(error), is_ok=False, advice=_REFUSED[0])
            return SelfTestReport(model=model, steps=steps.done, cost_pusd=None)
        steps.add("price", f"{offer.model}, at most about {_usd(offer.most_pusd)}")
        key = key or await self._key()
        if not key:
            steps.add(
                "key",
                "the host has no key for a metered address",
                is_ok=False,
                advice="enter one under Connections in the host's admin settings, with one of "
                f"these addresses: {', '.join(self._base_urls)}",
            )
            return SelfTestReport(model=offer.model, steps=steps.done, cost_pusd=None)
        steps.add("key", "a key of the host is there")
        answer = await self._call.send(offer.model, key=key)
        await asyncio.to_thread(self._record, actor, offer, answer)
        _judge_answer(steps, answer)
        if answer.problem is None and answer.generation_id is not None:
            await self._follow(steps, answer.generation_id, answer)
        return SelfTestReport(model=offer.model, steps=steps.done, cost_pusd=answer.cost_pusd)

    def _record(self, actor: Actor, offer: ModelOffer, answer: TestAnswer) -> None:
        cost = None if answer.cost_pusd is None else usd_from_pusd(answer.cost_pusd)
        with self._unit_of_work():
            self._audit.record(
                actor=actor,
                action="self_test.run",
                target_kind="model",
                target_id=offer.model,
                after={"generation": answer.generation_id, "cost": cost},
            )

    async def _follow(self, steps: "_Steps", generation_id: str, answer: TestAnswer) -> None:
        case = await self._booked(generation_id)
        if case is None:
            steps.add(
                "hold",
                f"neither a hold nor an entry knows {generation_id}: the call went unmetered",
                is_ok=False,
                advice="the process's HTTP client is not wrapped: start the host with mai-usage "
                "serve, or call install(app); metered are only "
                f"{', '.join(self._base_urls)} (OPENROUTER_BASE_URL)",
            )
            return
        _judge_case(steps, case, answer)

    async def _booked(self, generation_id: str) -> Case | None:
        """The case once it has an entry, or what there is of it after a while."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            case = await asyncio.to_thread(self._cases.find, generation_id)
            if (case is not None and case.entries) or time.monotonic() > give_up_at:
                return case
            await asyncio.sleep(_PAUSE_S)


class _Steps:
    """Each step took the time since the one before."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self._since = time.perf_counter()

    def add(self, name: str, seen: str, *, is_ok: bool = True, advice: str = "") -> None:
        now = time.perf_counter()
        ms = round((now - self._since) * 1000)
        self._since = now
        advice = "" if is_ok else advice
        self.done.append(Step(name=name, is_ok=is_ok, ms=ms, seen=seen, advice=advice))


def _judge_answer(steps: _Steps, answer: TestAnswer) -> None:
    if answer.problem is None:
        seen = f"OpenRouter answered {answer.status} as {answer.generation_id}, "
        seen += f"for {_usd(answer.cost_pusd or 0)}"
        steps.add(
            "call",
            seen,
            is_ok=answer.generation_id is not None,
            advice="the answer names no generation: try another model",
        )
        return
    advice = _REFUSED.get(answer.status, "try another model, or again later")
    steps.add("call", f"{answer.status}: {answer.problem}", is_ok=False, advice=advice)


def _judge_case(steps: _Steps, case: Case, answer: TestAnswer) -> None:
    held = case.held
    is_held = (
        held is not None
        and held.hold.purpose == PURPOSE
        and held.hold.organization_id == UNASSIGNED
        and held.state is HoldState.SETTLED
    )
    seen = "no hold stands for it"
    if held is not None:
        seen = f"the hold {held.hold.id} of {_usd(held.hold.estimate_pusd)} is {held.state}"
    steps.add(
        "hold",
        seen,
        is_ok=is_held,
        advice="GET debug/generations/ID says why; a pending one is settled within minutes",
    )
    if not case.entries:
        steps.add(
            "entry",
            "no ledger entry yet",
            is_ok=False,
            advice="see the job settlement in GET health",
        )
        return
    entry = case.entries[0]
    expected = billed_pusd(entry.raw_pusd, rate_micro=entry.rate_micro, fee_pusd=entry.fee_pusd)
    steps.add(
        "entry",
        f"booked are {_usd(entry.raw_pusd)} raw, {_usd(entry.billed_pusd)} billed",
        is_ok=entry.raw_pusd == answer.cost_pusd and entry.billed_pusd == expected,
        advice="the entry is not what the answer said: please report it with the generation's id",
    )
    counted = case.cell or case.sealed
    steps.add(
        "counters",
        "no counter of its day has it"
        if counted is None
        else f"{case.day}: {counted.requests} calls and {_usd(counted.billed_pusd)} there",
        is_ok=counted is not None and counted.billed_pusd >= entry.billed_pusd,
        advice="run mai-usage validate: it lists what differs from the ledger",
    )
    month = case.month
    steps.add(
        "month",
        "no total of its month" if month is None else f"{month.month}: {_usd(month.spent_pusd)}",
        is_ok=month is not None and month.spent_pusd >= entry.billed_pusd,
        advice="run mai-usage validate: it lists what differs from the ledger",
    )


def _usd(pusd: int) -> str:
    return f"{usd_from_pusd(pusd)} USD"
