"""Errors on the wire: RFC 9457 problems of ours, and the host's own."""

from pydantic import BaseModel

__all__ = ["HostErrorOut", "ProblemOut"]


class FieldProblemOut(BaseModel):
    """What is wrong with one field of the request."""

    field: str
    message: str


class ProblemOut(BaseModel):
    """``detail`` is a sentence for a person; ``errors`` is there where fields are known."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblemOut] = []


class HostErrorOut(BaseModel):
    """What the host answers itself, to the unsigned above all."""

    detail: str
