"""Members on the wire, by mAI's name: user mappings."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import (
    Amount,
    Answer,
    Changes,
    Instant,
    Money,
    instant,
    instant_or_none,
)
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import Member, Role, SystemClock
from mai_usage_ext.services.candidates import Candidate
from mai_usage_ext.services.members import MemberView

__all__ = ["CandidatesOut", "MappingAnswer", "MappingChange", "MappingIn", "MappingsOut"]


_OPENROUTER_ID = "^[!-~]{1,128}$"


class _Terms(Changes):
    role: Role = Field(default=Role.MEMBER, strict=False)
    monthly_limit: Money | None = Field(default=None, description="USD billed; null: no limit")
    effective_from: Instant | None = Field(
        default=None, description="Of a move, with its offset; null: now"
    )


class MappingChange(_Terms):
    """``PATCH user-mappings/{user_id}``; with another ``client_org_id`` it is a move."""

    client_org_id: str = Field(default="", min_length=1, description="Moves the user there")
    openrouter_user_id: str = Field(
        default="", pattern=_OPENROUTER_ID, description="What OpenRouter sees as `user`"
    )


class MappingIn(_Terms):
    """``POST user-mappings``."""

    user_id: str = Field(min_length=1, max_length=255, description="The host's id of the user")
    client_org_id: str = Field(min_length=1)
    # mAI's clients say null where they have none.
    openrouter_user_id: str | None = Field(
        default=None, pattern=_OPENROUTER_ID, description="null: the user's own, else a new one"
    )


class StretchOut(BaseModel):
    """Where a user belonged from one instant to another; null: without an end.

    ``source`` says who put them there: ``admin``, ``rule``, ``default`` or ``unmapped``.
    """

    client_org_id: str
    role: Role
    monthly_limit: Amount | None
    openrouter_user_id: str | None
    valid_from: Instant
    valid_to: Instant | None
    source: str

    @classmethod
    def of(cls, member: Member) -> "StretchOut":
        return cls(**_stretch(member))


class MappingOut(StretchOut):
    """A user and where they belong now, else will, else did last."""

    user_id: str
    name: str
    email: str
    is_deleted: bool
    is_active: bool

    @classmethod
    def of_view(cls, view: MemberView) -> "MappingOut":
        return cls(
            **_stretch(view.member),
            user_id=view.member.user_id,
            name=view.name,
            email=view.email,
            is_deleted=view.is_deleted,
            is_active=_holds_now(view.member),
        )


class MappingAnswer(Answer):
    """One user, with every stretch of their history, oldest first, planned ones included."""

    mapping: MappingOut
    history: list[StretchOut]

    @classmethod
    def of(cls, view: MemberView, message: str = "") -> "MappingAnswer":
        history = [StretchOut.of(member) for member in view.history]
        return cls(message=message, mapping=MappingOut.of_view(view), history=history)


class MappingsOut(Answer):
    """One page by user id; ``total`` counts all that were asked for."""

    mappings: list[MappingOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, views: Sequence[MemberView], total: int, *, offset: int, limit: int
    ) -> "MappingsOut":
        mappings = [MappingOut.of_view(view) for view in views]
        return cls(mappings=mappings, total=total, offset=offset, limit=limit)


class CandidateOut(BaseModel):
    """A user of the host, and where they belong now; ``null`` where they belong nowhere yet.

    ``is_assigned`` says that an admin, a rule or an import has put them there: everybody else is
    where they are by default.
    """

    user_id: str
    name: str
    email: str
    client_org_id: str | None
    client_name: str | None
    role: Role | None
    source: str | None
    is_assigned: bool

    @classmethod
    def of(cls, one: Candidate) -> "CandidateOut":
        member = one.member
        return cls(
            user_id=one.user.id,
            name=one.user.name,
            email=one.user.email,
            client_org_id=None if member is None else member.organization_id,
            client_name=one.organization_name,
            role=None if member is None else member.role,
            source=None if member is None else member.source,
            is_assigned=one.is_assigned,
        )


class CandidatesOut(Answer):
    """One page by e-mail; ``total`` counts all that were found."""

    candidates: list[CandidateOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, found: Sequence[Candidate], total: int, *, offset: int, limit: int
    ) -> "CandidatesOut":
        candidates = [CandidateOut.of(one) for one in found]
        return cls(candidates=candidates, total=total, offset=offset, limit=limit)


def _holds_now(member: Member) -> bool:
    now_ms = SystemClock().now_ms()
    is_over = member.valid_to_ms is not None and member.valid_to_ms <= now_ms
    return member.valid_from_ms <= now_ms and not is_over


def _stretch(member: Member) -> dict[str, Any]:
    limit = member.monthly_limit_pusd
    return {
        "client_org_id": member.organization_id,
        "role": member.role,
        "monthly_limit": None if limit is None else usd_from_pusd(limit),
        "openrouter_user_id": member.openrouter_user_id,
        "valid_from": instant(member.valid_from_ms),
        "valid_to": instant_or_none(member.valid_to_ms),
        "source": member.source,
    }
