"""What OpenAPI says of our routes beside what FastAPI finds out itself.

Bodies are read by hand (see ``bodies``) and errors are problem documents, so both are described
here. Schemas stand where they are used: FastAPI collects only those it made itself.
"""

from typing import Any

from pydantic import BaseModel

from mai_usage_ext.api.schemas.problems import HostErrorOut, ProblemOut

__all__ = ["body_of", "problems"]

_REASONS = {
    400: "The body cannot be read",
    404: "It does not exist, or not for the one who asked",
    406: "The client takes none of the kinds there are",
    409: "What is there, or what is configured, does not allow it",
    412: "It was changed since it was read",
    413: "The body is too long",
    415: "The body has another content type",
    422: "A value cannot be used; `errors` names the fields",
    429: "Too many requests",
    502: "OpenRouter did not do it",
    503: "The meter does not run, or its database does not answer",
}
_OF_EVERY_ROUTE = (422, 429, 503)
_OF_EVERY_BODY = (400, 413, 415)
_OF_THE_HOST = {401: "Not signed in", 403: "Not allowed by the host"}


def problems(*statuses: int, has_body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with these beside those that any may."""
    wanted = {*statuses, *_OF_EVERY_ROUTE, *(_OF_EVERY_BODY if has_body else ())}
    document = {"application/problem+json": {"schema": _inline(ProblemOut)}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _REASONS[status], "content": document} for status in sorted(wanted)
    }
    for status, reason in _OF_THE_HOST.items():
        found[status] = {"description": reason, "model": HostErrorOut}
    return found


def body_of(model: type[BaseModel], *, text: str | None = None) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads ``model``, or ``text`` of that media type."""
    content: dict[str, Any] = {"application/json": {"schema": _inline(model)}}
    if text is not None:
        content[text] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": True, "content": content}}


def _inline(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model without references; none of ours contains itself."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    filled: dict[str, Any] = _filled(schema, parts)
    return filled


def _filled(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_filled(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _filled(parts[node["$ref"].rpartition("/")[2]], parts)
    return {name: _filled(each, parts) for name, each in node.items()}
