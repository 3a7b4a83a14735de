"""The routes of statements: all of them for admins, an organization's own for its managers."""

import re
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from mai_usage_ext.api.access import Door, nothing_here
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset
from mai_usage_ext.api.schemas.statements import (
    CloseIn,
    MyStatementAnswer,
    MyStatementOut,
    MyStatementsOut,
    StatementAnswer,
    StatementOut,
    StatementsOut,
)
from mai_usage_ext.ports import Actor, Role
from mai_usage_ext.ports.statements import Statement, StatementFilter

__all__ = ["add_my_statement_routes", "add_statement_routes"]

_PDF = "application/pdf"
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The statement", "content": {_PDF: {"schema": {"type": "string"}}}}
}
_Word = Annotated[str | None, Query(max_length=200)]
_Month = Annotated[str | None, Query(max_length=7, description="Such as 2026-01")]


class State(StrEnum):
    DRAFT = "draft"
    CLOSED = "closed"


def add_statement_routes(router: APIRouter, door: Door) -> None:
    @router.get("/billing/statements", response_model=StatementsOut, responses=problems(404))
    def list_statements(
        client_id: _Word = None,
        month: _Month = None,
        state: State = State.CLOSED,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> StatementsOut:
        """Closed statements, newest month first, or the drafts of one month."""
        billing = door.services().billing
        wanted = StatementFilter(organization_id=client_id or None, month=month or None)
        listed = billing.statements.page if state is State.CLOSED else billing.statements.drafts
        found, total = listed(wanted, offset=offset, limit=limit)
        return StatementsOut.of(found, total, offset=offset, limit=limit)

    @router.get(
        "/billing/statements/{statement_id}",
        response_model=StatementAnswer,
        responses=problems(404),
    )
    def show_statement(statement_id: str, _actor: Actor = door.admin) -> StatementAnswer:
        """A closed statement, as it was closed."""
        found = door.services().billing.statements.get(statement_id)
        return StatementAnswer(statement=StatementOut.of(found))

    @router.get(
        "/billing/statements/{statement_id}/pdf",
        response_class=Response,
        responses={**problems(404), **_DOCUMENT},
    )
    def print_statement(statement_id: str, _actor: Actor = door.admin) -> Response:
        """A closed statement as PDF, the same bytes each time."""
        return _pdf(door, door.services().billing.statements.get(statement_id))

    @router.get(
        "/clients/{client_id}/statements/{month}/draft",
        response_model=StatementAnswer,
        responses=problems(404, 409),
    )
    def draft_statement(client_id: str, month: str, _actor: Actor = door.admin) -> StatementAnswer:
        """What the month's statement would say now, and what stands against closing it."""
        found = door.services().billing.statements.draft(client_id, month)
        return StatementAnswer(statement=StatementOut.of(found))

    @router.get(
        "/clients/{client_id}/statements/{month}/draft/pdf",
        response_class=Response,
        responses={**problems(404, 409), **_DOCUMENT},
    )
    def print_draft(client_id: str, month: str, _actor: Actor = door.admin) -> Response:
        """The same as PDF, marked as a draft."""
        return _pdf(door, door.services().billing.statements.draft(client_id, month))

    @router.post(
        "/clients/{client_id}/statements/{month}/close",
        response_model=StatementAnswer,
        status_code=201,
        responses=problems(404, 409, has_body=True),
        openapi_extra=body_of(CloseIn),
    )
    def close_statement(
        client_id: str,
        month: str,
        fields: dict[str, Any] = door.body(CloseIn),
        actor: Actor = door.admin,
    ) -> StatementAnswer:
        """Number and store the month's statement. It never changes afterwards."""
        closed = door.services().billing.statements.close(
            client_id, month, actor=actor, force_reason=fields.get("force_reason")
        )
        return StatementAnswer(
            message=f"Statement {closed.number} was closed.", statement=StatementOut.of(closed)
        )


def add_my_statement_routes(router: APIRouter, door: Door) -> None:
    signed_in = door.signed_in
    path = "/usage/my-organization/statements"

    @router.get(path, response_model=MyStatementsOut, responses=problems(404))
    def my_statements(
        offset: Offset = 0, limit: Limit = 50, user: Any = signed_in
    ) -> MyStatementsOut:
        """The organization's closed statements, for its managers; newest month first."""
        organization_id = _managed(door, user)
        wanted = StatementFilter(organization_id=organization_id)
        found, total = door.services().billing.statements.page(wanted, offset=offset, limit=limit)
        return MyStatementsOut.of(organization_id, found, total, offset=offset)

    @router.get(path + "/{statement_id}", response_model=MyStatementAnswer, responses=problems(404))
    def my_statement(statement_id: str, user: Any = signed_in) -> MyStatementAnswer:
        """One of them."""
        return MyStatementAnswer(statement=MyStatementOut.of(_own(door, user, statement_id)))

    @router.get(
        path + "/{statement_id}/pdf",
        response_class=Response,
        responses={**problems(404), **_DOCUMENT},
    )
    def my_statement_pdf(statement_id: str, user: Any = signed_in) -> Response:
        """One of them as PDF."""
        return _pdf(door, _own(door, user, statement_id))


def _managed(door: Door, user: Any) -> str:
    """The organization that the user manages. Raises ``NotFound`` for everybody else."""
    place = door.services().directory.organization_of(str(user.id))
    if place.role is not Role.MANAGER:
        raise nothing_here()
    return place.organization.id


def _own(door: Door, user: Any, statement_id: str) -> Statement:
    """Raises ``NotFound``, in the same words whether it is another's or nobody's."""
    organization_id = _managed(door, user)
    if "\0" in statement_id:
        raise nothing_here()
    found = door.services().billing.statements.find(statement_id)
    if found is None or found.organization_id != organization_id:
        raise nothing_here()
    return found


def _pdf(door: Door, statement: Statement) -> Response:
    name = statement.number or f"draft-{statement.month}"
    file_name = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    return Response(
        door.services().billing.printer.pdf(statement),
        media_type=_PDF,
        headers={
            "Content-Disposition": f'attachment; filename="{file_name}.pdf"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
