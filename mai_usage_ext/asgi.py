"""The host's app with the extension installed: ``uvicorn mai_usage_ext.asgi:app``."""

import os

# The host finds its built front end only when told that it was started as a package.
os.environ.setdefault("FROM_INIT_PY", "true")

from open_webui.main import app

from mai_usage_ext.bootstrap import install
from mai_usage_ext.host.serving import is_served

__all__ = ["app"]

install(app, is_strict=is_served())
