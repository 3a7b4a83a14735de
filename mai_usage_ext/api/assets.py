"""The page's own files: the host's loader with ours behind it, and the built components.

Built files carry a hash of their content in their name, so they may be cached for ever; the loader
that names them may not be cached at all.
"""

import json
from pathlib import Path

from fastapi import APIRouter, Response
from starlette.routing import Route

from mai_usage_ext.api.problems import problem, problem_route
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.guard import shielded

__all__ = ["assets_router", "loader_route", "read_loader"]

_MODULE = "organization-usage"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
_FRONTEND = Path(__file__).resolve().parent.parent / "frontend"
_FOR_EVER = "public, max-age=31536000, immutable"


def assets_router(prefix: str, *, limiter: RateLimiter | None = None) -> APIRouter:
    """``ui/assets/{name}``: only names the manifest lists are served."""
    router = APIRouter(prefix=prefix, route_class=problem_route(limiter), include_in_schema=False)
    built = _built_files()

    @router.get("/ui/assets/{name}")
    def asset(name: str) -> Response:
        content = built.get(name)
        if content is None:
            return problem(404, "Not found", f"there is no asset {name!r}")
        headers = {"Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=_TYPES[Path(name).suffix], headers=headers)

    return router


def loader_route(host_loader: Path, *, prefix: str) -> Route:
    """The host's empty ``/static/loader.js``, whatever it may hold one day, with ours behind it."""

    def loader(_request: object) -> Response:
        content = b""
        with shielded("reading the host's loader"):
            content = host_loader.read_bytes()
        with shielded("reading our loader"):
            content += b"\n" + read_loader(prefix).encode()
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type="text/javascript", headers=headers)

    return Route("/static/loader.js", loader, methods=["GET", "HEAD"])


def read_loader(prefix: str) -> str:
    """Our loader, with the address of the built component filled in."""
    url = f"{prefix}/ui/assets/{_manifest()[_MODULE]}"
    source = (_FRONTEND / "loader.js").read_text("utf-8")
    return source.replace("__MAI_USAGE_MODULE__", url)


def _manifest() -> dict[str, str]:
    manifest: dict[str, str] = json.loads((_FRONTEND / "manifest.json").read_text("utf-8"))
    return manifest


def _built_files() -> dict[str, bytes]:
    with shielded("reading the built components"):
        names = [name for name in _manifest().values() if Path(name).suffix in _TYPES]
        return {name: (_FRONTEND / name).read_bytes() for name in names}
    return {}
