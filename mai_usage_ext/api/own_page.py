"""A page of our own, without the host's front end around it, and the languages of its texts."""

from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from mai_usage_ext.api.content import Content
from mai_usage_ext.api.frontend import Frontend, as_literal
from mai_usage_ext.api.problems import problem, problem_route
from mai_usage_ext.api.rate_limits import RateLimiter

__all__ = ["page_router"]

_READING = ["GET", "HEAD"]
_A_MINUTE = {"Cache-Control": "public, max-age=60"}

# The script comes from the host even where the modules do not: it tells when those cannot be had.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<title>Usage &amp; billing</title>
<link rel="icon" type="image/png" href="/static/favicon.png">
<script type="application/json" id="mai-usage-config">{config}</script>
<script type="module" src="{script}" integrity="{integrity}" crossorigin="anonymous"></script>
</head>
<body><noscript>This page needs JavaScript.</noscript></body>
</html>
"""


def page_router(
    frontend: Frontend, *, prefix: str, limiter: RateLimiter | None = None
) -> APIRouter:
    """``ui/`` and ``ui/locales/{tag}.json``; neither tells anything that a session would guard."""
    router = APIRouter(prefix=prefix, route_class=problem_route(limiter), include_in_schema=False)

    @router.api_route("/ui", methods=_READING)
    def moved() -> Response:
        return RedirectResponse(f"{prefix}/ui/", status_code=308)

    @router.api_route("/ui/", methods=_READING)
    def page(request: Request) -> Response:
        script = frontend.page_script
        if script is None:
            return problem(404, "Not found", "the page was not built")
        html = _PAGE.format(
            config=as_literal(frontend.config(prefix)),
            script=f"{prefix}/ui/assets/{script}",
            integrity=frontend.hash_of(script),
        )
        headers = _page_headers(frontend.asset_url)
        return Content(html.encode(), "text/html").answer(request, headers)

    @router.api_route("/ui/locales/{tag}.json", methods=_READING)
    def locale(tag: str, request: Request) -> Response:
        """No language of that name is no error: the page then speaks English."""
        return Content(frontend.texts(tag), "application/json").answer(request, _A_MINUTE)

    return router


def _page_headers(asset_url: str | None) -> dict[str, str]:
    """Scripts are files of ours alone. Styles may stand in the page: each element brings its own
    into its shadow root as ``<style>``, and they hold nothing that anybody typed."""
    elsewhere = f" {_origin(asset_url)}" if asset_url else ""
    policy = {
        "default-src": "'none'",
        "script-src": f"'self'{elsewhere}",
        "connect-src": f"'self'{elsewhere}",
        "style-src": "'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "same-origin",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
