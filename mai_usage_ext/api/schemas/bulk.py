"""Many members at once, on the wire."""

from typing import Any

from pydantic import BaseModel, Field, RootModel

from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.api.schemas.problems import FieldProblemOut
from mai_usage_ext.api.schemas.values import Answer, Fields, Instant, Money
from mai_usage_ext.ports import Role
from mai_usage_ext.services.assignments import BulkResult, RowResult

__all__ = ["BulkIn", "BulkOut", "rows_of"]


class RowIn(Fields):
    """One user by ``user_id`` or ``email``, one organization by id or slug."""

    user_id: str = ""
    email: str = ""
    client_org_id: str
    role: Role = Role.MEMBER
    monthly_limit: Money | None = Field(default=None, description="USD billed; null: no limit")
    effective_from: Instant | None = None


class BulkIn(RootModel[list[RowIn]]):
    """``POST user-mappings/bulk``. Rows are judged one by one, so this only describes them."""


class RowOut(BaseModel):
    """What one row comes to; ``number`` counts from 1, a heading and empty lines left out."""

    number: int
    user_id: str | None
    status: str
    errors: list[FieldProblemOut]

    @classmethod
    def of(cls, row: RowResult) -> "RowOut":
        errors = [FieldProblemOut(field=each.field, message=each.message) for each in row.errors]
        return cls(number=row.number, user_id=row.user_id, status=row.status, errors=errors)


class BulkOut(Answer):
    """``is_written`` says whether the good rows hold now; after a dry run they would."""

    is_dry_run: bool
    is_written: bool
    counts: dict[str, int]
    rows: list[RowOut]

    @classmethod
    def of(cls, result: BulkResult) -> "BulkOut":
        """Raises ``Rejected`` where rows were to be written and a bad one kept all of them out."""
        if not result.is_dry_run and not result.is_written:
            raise _refusal(result)
        return cls(
            message=_sentence(result),
            is_dry_run=result.is_dry_run,
            is_written=result.is_written,
            counts=result.counts,
            rows=[RowOut.of(row) for row in result.rows],
        )


def rows_of(body: Any) -> list[Any]:
    if not isinstance(body, list):
        raise Rejected(422, "A value cannot be used", "the body is not a JSON list of rows")
    return body


def _refusal(result: BulkResult) -> Rejected:
    errors = [
        {"field": f"rows.{row.number}.{each.field}", "message": each.message}
        for row in result.rows
        for each in row.errors
    ]
    bad = sum(bool(row.errors) for row in result.rows)
    detail = f"nothing was written: {bad} of {len(result.rows)} rows cannot be used"
    return Rejected(422, "A value cannot be used", detail, errors=errors)


def _sentence(result: BulkResult) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(result.counts.items()))
    return f"{'Nothing was written; it would be' if result.is_dry_run else 'Written'}: {counts}."
