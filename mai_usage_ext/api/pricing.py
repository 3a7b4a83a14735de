"""The routes of prices with dates."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import RowId
from mai_usage_ext.api.schemas.pricing import (
    PreviewIn,
    PreviewOut,
    PriceRuleAnswer,
    PriceRuleIn,
    PriceRulesOut,
)
from mai_usage_ext.api.schemas.values import Answer
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.ports import Actor
from mai_usage_ext.services.member_fields import instant_ms

__all__ = ["add_pricing_routes"]


def add_pricing_routes(router: APIRouter, door: Door) -> None:
    @router.get("/pricing-rules", response_model=PriceRulesOut, responses=problems(404))
    def list_rules(
        client_id: Annotated[str | None, Query(max_length=200)] = None,
        _actor: Actor = door.admin,
    ) -> PriceRulesOut:
        """All rules, or those of one organization; a rule without one holds for everybody."""
        pricing = door.services().pricing
        return PriceRulesOut.of(pricing.rules(client_id) if client_id else pricing.all_rules())

    @router.post(
        "/pricing-rules",
        status_code=201,
        response_model=PriceRuleAnswer,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(PriceRuleIn),
    )
    async def add_rule(
        fields: dict[str, Any] = door.body(PriceRuleIn), actor: Actor = door.admin
    ) -> PriceRuleAnswer:
        """A price from an instant on, now by default; entries that are booked keep theirs."""
        found = door.services()
        organization_id = fields.pop("client_id", None)
        begin = fields.pop("effective_from", None)
        with _naming_the_client():
            rule = await asyncio.to_thread(
                found.pricing.add,
                organization_id=organization_id,
                effective_from_ms=None if begin is None else instant_ms(begin),
                actor=actor,
                **fields,
            )
        await _follow(found, organization_id)
        return PriceRuleAnswer.of(rule, "The rule was added.")

    @router.delete("/pricing-rules/{rule_id}", response_model=Answer, responses=problems(404, 409))
    async def remove_rule(rule_id: RowId, actor: Actor = door.admin) -> Answer:
        """Take back a rule that is not in force yet."""
        found = door.services()
        # It priced nothing yet; a key's limit that allowed for it already is merely a bit loose,
        # until the next check.
        await asyncio.to_thread(found.pricing.remove, rule_id, actor=actor)
        found.directory.forget()
        return Answer(message="The rule was removed.")

    @router.post(
        "/pricing-rules/preview",
        response_model=PreviewOut,
        responses=problems(404, has_body=True),
        openapi_extra=body_of(PreviewIn),
    )
    def preview_rule(
        fields: dict[str, Any] = door.body(PreviewIn), _actor: Actor = door.admin
    ) -> PreviewOut:
        """What a price would have made of a month that was; nothing is changed."""
        organization_id, pricing = fields.pop("client_id"), door.services().pricing
        with _naming_the_client():
            preview = pricing.preview(organization_id=organization_id, **fields)
        return PreviewOut.of(preview)


@contextmanager
def _naming_the_client() -> Iterator[None]:
    """An organization that a body names is a value like any other, not the page asked for."""
    try:
        yield
    except NotFound as error:
        raise BadInput(
            "client_id", got=str(error), expected="an organization that exists"
        ) from None


async def _follow(found: ApiServices, organization_id: str | None) -> None:
    """The key's limit is the monthly limit ÷ the lowest rate; a price for everybody reaches the
    other keys with the next check."""
    found.directory.forget()
    if organization_id is not None:
        await found.keys.sync(organization_id)
