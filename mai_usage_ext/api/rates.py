"""The routes of rates that statements are converted with."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset
from mai_usage_ext.api.schemas.rates import RateAnswer, RateIn, RateOut, RatesOut
from mai_usage_ext.api.schemas.values import Answer
from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.rates import RateKind

__all__ = ["add_rate_routes"]

_Code = Annotated[str | None, Query(max_length=3, description="A currency")]


def add_rate_routes(router: APIRouter, door: Door) -> None:
    @router.get("/billing/rates", response_model=RatesOut, responses=problems(404))
    def list_rates(
        currency: _Code = None,
        source: RateKind | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> RatesOut:
        """Units of currencies for one USD, fetched and entered, newest day first."""
        found, total = door.services().billing.rates.page(
            currency=currency or None, source=source, offset=offset, limit=limit
        )
        return RatesOut.of(found, total, offset=offset, limit=limit)

    @router.post(
        "/billing/rates",
        response_model=RateAnswer,
        status_code=201,
        responses=problems(404, has_body=True),
        openapi_extra=body_of(RateIn),
    )
    def enter_rate(
        fields: dict[str, Any] = door.body(RateIn), actor: Actor = door.admin
    ) -> RateAnswer:
        """Enter a day's rate. On its day it goes before what a bank published."""
        entered = door.services().billing.rates.enter(
            currency=fields["currency"],
            day=_day(fields["date"]),
            rate=fields["rate"],
            note=fields.get("note", ""),
            actor=actor,
        )
        return RateAnswer(message="The rate was entered.", rate=RateOut.of(entered))

    @router.delete(
        "/billing/rates/{currency}/{day}", response_model=Answer, responses=problems(404)
    )
    def remove_rate(currency: str, day: str, actor: Actor = door.admin) -> Answer:
        """Take an entered rate away; closed statements keep it."""
        try:
            of_day = date.fromisoformat(day)
        except ValueError:
            raise NotFound(f"there is no rate of a day {day!r}") from None
        door.services().billing.rates.remove(currency=currency, day=of_day, actor=actor)
        return Answer(message="The rate was removed.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("date", got=text, expected="a day such as 2026-01-31") from None
