"""A request that is to be refused: by its field, without a trace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.api.office import Office
from tests.api.routes import filled

__all__ = ["Refusal", "refused"]


@dataclass(frozen=True)
class Refusal:
    """``field`` is what the answer is to name; ``path`` and ``json`` have places to fill in."""

    method: str
    path: str
    field: str = ""
    status: int = 422
    json: Any = None
    params: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.field} {self.status}"


def refused(office: Office, refusal: Refusal, **options: Any) -> dict[str, Any]:
    """The problem that an admin is answered."""
    if refusal.json is not None:
        options["json"] = filled(office, refusal.json)
    if refusal.params:
        options["params"] = refusal.params
    path = refusal.path.format_map(office.places)
    with office.unchanged():
        answer = office.ask("admin", refusal.method, path, **options)
    assert answer.status_code == refusal.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == refusal.status
    assert problem["detail"]
    if refusal.field:
        named = {each["field"].partition(".")[0] for each in problem["errors"]}
        assert named == {refusal.field}, problem
    return problem
