"""The host's app with the extension installed: ``uvicorn mai_usage_ext.asgi:app``."""

from mai_usage_ext.bootstrap import install
from mai_usage_ext.host.serving import host_app, is_served

__all__ = ["app"]

app = host_app()
install(app, is_strict=is_served())
