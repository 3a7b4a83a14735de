"""A signed-in person's own organization by day, user and model."""

from typing import Any

from fastapi import APIRouter

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.schemas.my_usage import MyDaysOut, MyModelsOut, MyUsersOut
from mai_usage_ext.api.usage_ranges import GivenRange
from mai_usage_ext.ports import Role
from mai_usage_ext.ports.usage import Dimension, UsageQuery
from mai_usage_ext.services.directory import Placement
from mai_usage_ext.services.usage_ranges import RangeText, range_of
from mai_usage_ext.services.usage_reports import UsageReport

__all__ = ["add_my_usage_routes"]

_DAYS = 30


def add_my_usage_routes(router: APIRouter, door: Door) -> None:
    signed_in = door.signed_in

    @router.get("/usage/my-organization/daily", response_model=MyDaysOut, responses=problems(404))
    def my_organization_daily(given: GivenRange, user: Any = signed_in) -> MyDaysOut:
        """Day by day, of the last thirty days or any others."""
        place = _place(door, user)
        report = _report(door, place, given, (Dimension.DAY,))
        return MyDaysOut.of(report, place.organization.name)

    @router.get(
        "/usage/my-organization/by-user", response_model=MyUsersOut, responses=problems(404)
    )
    def my_organization_by_user(given: GivenRange, user: Any = signed_in) -> MyUsersOut:
        """Everybody for managers, a member's own line for members."""
        place = _place(door, user)
        is_complete = place.role is Role.MANAGER
        only = None if is_complete else str(user.id)
        report = _report(door, place, given, (Dimension.USER,), user_id=only)
        return MyUsersOut.of(report, place.organization.name, is_complete=is_complete)

    @router.get(
        "/usage/my-organization/by-model", response_model=MyModelsOut, responses=problems(404)
    )
    def my_organization_by_model(given: GivenRange, user: Any = signed_in) -> MyModelsOut:
        """The models that the organization used, and their providers."""
        place = _place(door, user)
        report = _report(door, place, given, (Dimension.MODEL, Dimension.PROVIDER))
        return MyModelsOut.of(report, place.organization.name)


def _place(door: Door, user: Any) -> Placement:
    """Raises ``NoOrganization``."""
    return door.services().directory.organization_of(str(user.id))


def _report(
    door: Door,
    place: Placement,
    given: RangeText,
    group_by: tuple[Dimension, ...],
    *,
    user_id: str | None = None,
) -> UsageReport:
    """Raises ``BadInput``."""
    reports, organization_id = door.services().usage.reports, place.organization.id
    first, last = range_of(given, today=reports.today(organization_id), days=_DAYS)
    return reports.report(
        UsageQuery(
            first=first,
            last=last,
            organization_id=organization_id,
            user_id=user_id,
            group_by=group_by,
        )
    )
