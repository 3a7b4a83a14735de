"""Running the host through its own command, with our app in place of its."""

import importlib
import os
import signal
from collections.abc import Callable
from typing import Any

__all__ = ["host_app", "is_served", "serve", "server_is_stopping"]

_MARK = "_MAI_USAGE_SERVED"
_HOST_APP = "open_webui.main:app"
_OUR_APP = "mai_usage_ext.asgi:app"


def host_app() -> Any:
    """The host's app, imported as if by the host's own command. Raises ``ImportError``."""
    # The host finds its built front end only when told that it was started as a package.
    os.environ.setdefault("FROM_INIT_PY", "true")
    return importlib.import_module("open_webui.main").app


def is_served() -> bool:
    """Whether this process, or the one that started it, is ``mai-usage serve``."""
    return os.environ.get(_MARK) == "true"


def server_is_stopping() -> bool:
    """Whether uvicorn wants to end and waits for open connections to be through.

    It tells an app only after they are, so whoever keeps one open has to look. uvicorn handles the
    signals with a method of its server; under any other server the answer is no.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True


def serve(
    *, host: str, port: int, workers: int | None, before: Callable[[], None] | None = None
) -> None:
    """``open-webui serve``, secret key file and all, for an app with the extension in it.

    The host's command imports its own app by name in every worker; only that name is exchanged, so
    whatever the command learns to do in later versions is done here too. ``before`` runs when the
    host is imported and about to listen; what it raises ends the command.
    """
    os.environ[_MARK] = "true"
    if workers is not None:
        os.environ["UVICORN_WORKERS"] = str(workers)
    package = importlib.import_module("open_webui")
    run = package.uvicorn.run

    def run_ours(app: Any, *args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before()
        return run(_OUR_APP if app == _HOST_APP else app, *args, **kwargs)

    package.uvicorn.run = run_ours
    try:
        package.serve(host=host, port=port)
    finally:
        package.uvicorn.run = run
