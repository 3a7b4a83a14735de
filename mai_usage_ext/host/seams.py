"""The places of Open WebUI we attach to, found by name and reported one by one.

A host that lacks one still starts; we stay out and say which was missing. What is looked for was
read in the published wheels 0.6.18 and 0.12.4.
"""

import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import aiohttp

from mai_usage_ext.errors import PrototypePresent, SeamMissing

__all__ = [
    "Seam",
    "Seams",
    "find_seams",
    "host_database_url",
    "host_version",
    "probe",
    "prototype_in_host",
]

_PROTOTYPE = "open_webui.utils.openrouter_client_manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """One line of ``mai-usage doctor``: what was looked for, and what to do when it is missing."""

    name: str
    looked_for: str
    is_found: bool
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What attaching needs of the host, all found."""

    version: str
    get_current_user: Callable[..., Any]
    get_verified_user: Callable[..., Any]
    get_admin_user: Callable[..., Any]
    chat_module: Any
    loader_file: Path
    database_url: str


def host_version() -> str:
    try:
        return version("open-webui")
    except PackageNotFoundError:
        return "(not installed)"


def prototype_in_host() -> bool:
    """Whether the host carries mAI's in-tree metering, which swaps keys and counts by itself."""
    try:
        return importlib.util.find_spec(_PROTOTYPE) is not None
    except ModuleNotFoundError:
        return False


def host_database_url(environ: Mapping[str, str]) -> str:
    """The host's own ``DATABASE_URL``, defaults applied. Raises ``SeamMissing``.

    Asked of a process of its own: importing the host's settings here would fix them for good,
    before the host's command has had its say.
    """
    asked = "from open_webui.env import DATABASE_URL; print(); print(DATABASE_URL)"
    apart = {"WEBUI_SECRET_KEY": "unused", **environ, "FROM_INIT_PY": "true"}
    answer = subprocess.run(
        [sys.executable, "-c", asked], env=apart, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise SeamMissing(
            "database", looked_for="open_webui.env.DATABASE_URL", version=host_version()
        )
    return answer.stdout.splitlines()[-1]


def find_seams(app: Any) -> Seams:
    """All seams of the running host. Raises ``SeamMissing`` or ``PrototypePresent``."""
    for seam in probe(app):
        if not seam.is_found:
            if seam.name == "no in-tree metering":
                raise PrototypePresent(f"{_PROTOTYPE} is in the host. {seam.advice}")
            raise SeamMissing(seam.name, looked_for=seam.looked_for, version=host_version())
    auth = importlib.import_module("open_webui.utils.auth")
    env = importlib.import_module("open_webui.env")
    return Seams(
        version=host_version(),
        get_current_user=auth.get_current_user,
        get_verified_user=auth.get_verified_user,
        get_admin_user=auth.get_admin_user,
        chat_module=importlib.import_module("open_webui.utils.chat"),
        loader_file=Path(env.STATIC_DIR) / "loader.js",
        database_url=str(env.DATABASE_URL),
    )


def probe(app: Any) -> Iterator[Seam]:
    """Every seam, found or not. Imports the host's modules, starts nothing."""
    upgrade = "use a version of Open WebUI from 0.6.18 on, or report this line to us"
    for name, module, attribute in (
        ("signed-in user", "open_webui.utils.auth", "get_current_user"),
        ("verified user", "open_webui.utils.auth", "get_verified_user"),
        ("admin user", "open_webui.utils.auth", "get_admin_user"),
        ("chat completions", "open_webui.utils.chat", "generate_openai_chat_completion"),
        ("people", "open_webui.models.users", "Users"),
        ("groups", "open_webui.models.groups", "Groups"),
        ("static folder", "open_webui.env", "STATIC_DIR"),
        ("database", "open_webui.env", "DATABASE_URL"),
    ):
        yield Seam(
            name=name,
            looked_for=f"{module}.{attribute}",
            is_found=_has(module, attribute),
            advice=upgrade,
        )
    yield Seam(
        name="outgoing calls",
        looked_for="aiohttp.ClientSession._request, a coroutine",
        is_found=inspect.iscoroutinefunction(getattr(aiohttp.ClientSession, "_request", None)),
        advice="install aiohttp 3.11.11 or newer",
    )
    yield Seam(
        name="lifespan",
        looked_for="app.router.lifespan_context",
        is_found=callable(getattr(getattr(app, "router", None), "lifespan_context", None)),
        advice=upgrade,
    )
    yield Seam(
        name="routes",
        looked_for="app.router.routes and app.dependency_overrides",
        is_found=hasattr(app, "dependency_overrides")
        and isinstance(getattr(getattr(app, "router", None), "routes", None), list),
        advice=upgrade,
    )
    yield Seam(
        name="no in-tree metering",
        looked_for=f"the absence of {_PROTOTYPE}",
        is_found=not prototype_in_host(),
        advice=f"remove {_PROTOTYPE} and its router from the host: two meters would count twice",
    )


def _has(module: str, attribute: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ImportError:
        return False
