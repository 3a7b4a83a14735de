"""The files of the front end: the host's loader with ours behind it, and the built modules.

Built files carry a hash of their content in their names, so they may be cached for ever; the loader
that names them is asked for anew each time, and then mostly is the same.
"""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.routing import Route

from mai_usage_ext.api.content import Content
from mai_usage_ext.api.frontend import Frontend
from mai_usage_ext.api.problems import problem, problem_route
from mai_usage_ext.guard import shielded

__all__ = ["assets_router", "loader_route"]

_READING = ["GET", "HEAD"]
# Nothing in the files is anybody's own. A CDN, or another host of ours, may hand them to any page.
_FOR_EVER = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_ASK_AGAIN = {"Cache-Control": "no-cache"}


def assets_router(frontend: Frontend, *, prefix: str) -> APIRouter:
    """``ui/assets/{name}`` and ``ui/modules/{name}.js``: only what the manifest lists.

    Nobody counts these requests: an office behind one address loads a dozen files for each person.
    """
    router = APIRouter(prefix=prefix, route_class=problem_route(None), include_in_schema=False)

    @router.api_route("/ui/assets/{name}", methods=_READING)
    def asset(name: str, request: Request) -> Response:
        content = frontend.asset(name)
        if content is None:
            return problem(404, "Not found", f"there is no asset {name!r}")
        return content.answer(request, _FOR_EVER)

    @router.api_route("/ui/modules/{name}.js", methods=_READING)
    def module(name: str, request: Request) -> Response:
        """An address that stays, for front ends that were built with our elements in them."""
        entry = frontend.entry_of(name)
        if entry is None:
            return problem(404, "Not found", f"there is no module {name!r}")
        source = f'import "{prefix}/ui/assets/{entry}";\n'
        return Content(source.encode(), "text/javascript").answer(request, _ASK_AGAIN)

    return router


def loader_route(host_loader: Path, *, prefix: str, frontend: Frontend) -> Route:
    """The host's empty ``/static/loader.js``, whatever it may hold one day, with ours behind it."""
    last = Content(b"", "text/javascript")

    def loader(request: Request) -> Response:
        nonlocal last
        source = b""
        with shielded("reading the host's loader"):
            source = host_loader.read_bytes()
        with shielded("reading our loader"):
            source += b"\n" + frontend.loader(prefix).encode()
        if source != last.body:
            last = Content(source, "text/javascript")
        return last.answer(request, _ASK_AGAIN)

    return Route("/static/loader.js", loader, methods=_READING)
