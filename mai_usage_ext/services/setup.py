"""The first steps of a new installation, and how far each of them is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.ports import (
    DEFAULT_ID,
    UNASSIGNED,
    Clock,
    KeyManagement,
    MemberStore,
    OrganizationQuery,
)
from mai_usage_ext.ports.client_facts import ClientFact, ClientFactStore
from mai_usage_ext.services.live_settings import LiveSettings

__all__ = ["Setup", "SetupStep", "StepName", "StepState"]

_BUILT_IN = (UNASSIGNED, DEFAULT_ID)


class StepName(StrEnum):
    PROVISIONING_KEY = "provisioning_key"
    PRICING = "pricing"
    ORGANIZATION = "organization"
    MEMBERS = "members"
    TEST_CALL = "test_call"


class StepState(StrEnum):
    """``DONE`` there is what the step makes · ``TODO`` there is nothing yet · ``FAILED`` there is
    something, and it does not work."""

    DONE = "done"
    TODO = "todo"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """``detail`` is a sentence about what was found."""

    step: StepName
    state: StepState
    detail: str


class Setup:
    """Looks at what is there, not at what somebody clicked."""

    def __init__(
        self,
        facts: ClientFactStore,
        members: MemberStore,
        management: KeyManagement,
        *,
        settings: LiveSettings,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._members = members
        self._management = management
        self._settings = settings
        self._clock = clock

    async def steps(self) -> Sequence[SetupStep]:
        """All of them, in the order they are made. OpenRouter is asked about the key."""
        stored = await asyncio.to_thread(self._stored)
        return [await self._provisioning_key(), *stored]

    async def _provisioning_key(self) -> SetupStep:
        step, key = StepName.PROVISIONING_KEY, self._settings.current.provisioning_key
        if key is None:
            return _todo(step, "No management key is configured.")
        try:
            own = await self._management.own_key(key)
        except UpstreamError as error:
            return SetupStep(step=step, state=StepState.FAILED, detail=str(error))
        if own is None:
            detail = "OpenRouter does not accept the management key."
            return SetupStep(step=step, state=StepState.FAILED, detail=detail)
        if not own.is_management:
            detail = "The key is an ordinary one: organizations' keys need a management key."
            return SetupStep(step=step, state=StepState.FAILED, detail=detail)
        return _done(step, "OpenRouter accepts the management key.")

    def _stored(self) -> list[SetupStep]:
        query = OrganizationQuery(status="active")
        facts = self._facts.clients(query, at_ms=self._clock.now_ms())
        return [self._pricing(), _organization(facts), self._assigned(), _test_call(facts)]

    def _pricing(self) -> SetupStep:
        view = self._settings.view()
        rate, currency = view.values["default_markup_rate"], view.values["billing_currency"]
        if view.sources["default_markup_rate"] == "default":
            detail = f"Nobody has looked at the markup of {rate} and at {currency} yet."
            return _todo(StepName.PRICING, detail)
        return _done(StepName.PRICING, f"The markup is {rate}, statements are in {currency}.")

    def _assigned(self) -> SetupStep:
        count = self._count(None) - sum(self._count(one) for one in _BUILT_IN)
        if not count:
            return _todo(StepName.MEMBERS, "No user belongs to an organization of yours.")
        return _done(StepName.MEMBERS, f"Users in organizations of yours: {count}.")

    def _count(self, organization_id: str | None) -> int:
        _, total = self._members.page(
            organization_id=organization_id,
            role=None,
            search=None,
            at_ms=self._clock.now_ms(),
            offset=0,
            limit=1,
        )
        return total


def _organization(facts: Sequence[ClientFact]) -> SetupStep:
    own = [fact for fact in facts if fact.id not in _BUILT_IN]
    if not own:
        return _todo(StepName.ORGANIZATION, "There is no organization yet.")
    return _done(StepName.ORGANIZATION, f"Active organizations: {len(own)}.")


def _test_call(facts: Sequence[ClientFact]) -> SetupStep:
    last = max((fact.last_day for fact in facts if fact.last_day is not None), default=None)
    if last is None:
        return _todo(StepName.TEST_CALL, "No call has been metered yet.")
    return _done(StepName.TEST_CALL, f"The last call was metered on {last}.")


def _done(step: StepName, detail: str) -> SetupStep:
    return SetupStep(step=step, state=StepState.DONE, detail=detail)


def _todo(step: StepName, detail: str) -> SetupStep:
    return SetupStep(step=step, state=StepState.TODO, detail=detail)
