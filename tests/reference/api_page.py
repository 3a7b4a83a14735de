"""``docs/api.md``, from the schema that FastAPI makes of the routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from fastapi import FastAPI

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.broadcast import broadcast_router
from mai_usage_ext.api.metrics import monitoring_router
from mai_usage_ext.api.usage import PREFIX, usage_router
from tests.api.routes import ADMIN, MANAGED, OPEN, OWN, ROUTES
from tests.reference.shapes import Field, fields_of, type_of

__all__ = ["api_page", "schema"]

_HEAD = f"""# API reference

Generated from the routes by `make reference`; do not edit it by hand.

Every path stands below `{PREFIX}`, and below the same with hyphens, as mAI's front ends spell it.
The sign-in is the host's: its session cookie, its bearer token or its API keys.

* **Who.** *admins* are the host's admins, the reseller. To everybody else such a route does not
  exist: 404. *members* are all who belong to an organization and see its billed money, never what
  OpenRouter charged, the markup or the profit. *managers* are those of an organization. *secret* is
  for programs that have no account, and *everyone* need not sign in.
* **Money** is a decimal text in USD, exact to the picodollar. Requests may say it as a number, too.
* **Days** are those of the organization's own time zone, as `YYYY-MM-DD`; instants are UTC, as RFC
  3339 has them.
* **Errors** are problem documents (RFC 9457) whose `detail` is a sentence for a person, and whose
  `errors` name the fields: 401 and 403 are the host's, 404 unknown or not for you, 409 a state that
  does not allow it, 412 changed since it was read, 422 a value that cannot be used, 429 too many
  requests (with `Retry-After`), 502 OpenRouter did not do it, 503 the meter does not run.
* **A star** marks what has to be given, or is always there.
* **Lists** are read in pages, by `offset` and `limit`; `total` says how many there are in all.
"""
_WHO = {ADMIN: "admins", OWN: "members", MANAGED: "managers", OPEN: "everyone"}


def schema() -> dict[str, Any]:
    """The OpenAPI document of all routes below the prefix."""
    nobody: Any = lambda: None  # noqa: E731 - nothing is called
    app = FastAPI(title="mAI Usage")
    for router in (usage_router, admin_router):
        app.include_router(router(nobody, verified_user=nobody))
    app.include_router(monitoring_router(nobody, verified_user=nobody, token=None, prefix=PREFIX))
    app.include_router(broadcast_router(nobody, secret=None, prefix=PREFIX))
    return app.openapi()


def api_page() -> str:
    document = schema()
    routes = sorted(_routes(document))
    parts = [_HEAD]
    for group, members in groupby(routes, key=lambda route: route[0]):
        parts.append(f"## {group}\n")
        parts += [_route(method, path, about) for _, path, method, about in members]
    parts.append("## Shapes of answers\n")
    parts += [_shape(name, one) for name, one in sorted(_shapes(document).items())]
    return "\n".join(parts)


def _routes(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Group, path, method and what is known of it."""
    for full, methods in document["paths"].items():
        path = full.removeprefix(PREFIX)
        for method, about in methods.items():
            yield path.split("/")[1], path, method.upper(), _Sortable(about)


class _Sortable(dict[str, Any]):
    """Two routes never tie before this is compared, yet sorting wants to be able to."""

    def __lt__(self, other: object) -> bool:
        return False


def _route(method: str, path: str, about: Mapping[str, Any]) -> str:
    case = ROUTES.get(f"{method} {path}")
    who = "secret" if case is None else _WHO.get(case.kind, case.kind)
    lines = [f"### {method} {path}\n", f"*{who}* · {_text(about.get('description', ''))}\n"]
    lines += _parameters(about.get("parameters", ()))
    lines += _body(about.get("requestBody", {}).get("content", {}))
    lines += _answers(about["responses"])
    return "\n".join(lines)


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = [
        Field(
            name=one["name"],
            type=type_of(one["schema"]),
            is_required=one.get("required", False),
            default=str(one["schema"].get("default") or ""),
            meaning=one.get("description", "") or f"in the {one['in']}",
        )
        for one in parameters
    ]
    return _table("parameter", rows)


def _body(content: Mapping[str, Any]) -> list[str]:
    lines = []
    for media, one in content.items():
        rows = list(fields_of(one["schema"]))
        if rows:
            lines += _table("field of the body", rows)
        else:
            lines.append(f"Body: `{media}`, {type_of(one['schema'])}.\n")
    return lines


def _answers(responses: Mapping[str, Any]) -> list[str]:
    lines = []
    for status, one in responses.items():
        if status.startswith("2"):
            shapes = [
                f"`{media}` {type_of(content.get('schema', {}))}".removesuffix(" any")
                for media, content in one.get("content", {}).items()
            ]
            lines.append(f"{status}: {' or '.join(shapes) or 'nothing'}\n")
    also = [status for status in sorted(responses) if not status.startswith("2")]
    if also:
        lines.append(f"Errors: {', '.join(also)}\n")
    return lines


def _shapes(document: Mapping[str, Any]) -> dict[str, Any]:
    """What answers are made of; problems are told of at the top."""
    shapes: dict[str, Any] = document["components"]["schemas"]
    unwanted = {"HostErrorOut", "HTTPValidationError", "ValidationError"}
    return {name: one for name, one in shapes.items() if name not in unwanted}


def _shape(name: str, one: Mapping[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if one.get("description"):
        lines.append(f"{_text(one['description'])}\n")
    if "enum" in one:
        lines.append(f"{type_of(one)}\n")
    return "\n".join([*lines, *_table("field", list(fields_of(one)))])


def _table(first: str, rows: list[Field]) -> list[str]:
    if not rows:
        return []
    columns: list[tuple[str, Callable[[Field], str]]] = [
        (first, lambda row: f"`{row.name}`" + ("" if not row.is_required else " *")),
        ("type", lambda row: _cell(row.type)),
    ]
    if any(row.default for row in rows):
        columns.append(("default", lambda row: f"`{_cell(row.default)}`" if row.default else ""))
    if any(row.meaning for row in rows):
        columns.append(("meaning", lambda row: _cell(_text(row.meaning))))
    return [
        f"| {' | '.join(name for name, _ in columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(cell(row) for _, cell in columns)} |" for row in rows),
        "",
    ]


def _text(said: str) -> str:
    """A docstring's sentences on one line, in the page's own marks."""
    return " ".join(said.replace("``", "`").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
