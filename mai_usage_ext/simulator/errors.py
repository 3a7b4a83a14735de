"""Errors as OpenRouter words them: `{"error": {"code", "message", "metadata"?}}`.

This module imports nothing of ours, so that every other part of the simulator may raise.
"""

from __future__ import annotations

from typing import Any, Final

STATUS_MESSAGES: Final = {
    400: "Invalid request",
    401: "User not found.",
    402: "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
    403: "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys",
    404: "Not found",
    408: "Request timed out",
    413: "Request entity too large",
    429: "Rate limit exceeded",
    500: "Internal Server Error",
    502: "Provider returned error",
    503: "No instances available",
    504: "Provider timed out",
    524: "Edge network timed out",
    529: "Provider overloaded",
}

_RETRY_AFTER: Final = {402: 5, 429: 1, 503: 1}


class ApiError(Exception):
    """An answer with an error status.

    `retry_after` is in seconds and becomes the `Retry-After` header.
    """

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        metadata: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.status = status
        self.message = message or STATUS_MESSAGES.get(status, f"Error {status}")
        self.metadata = metadata
        self.retry_after = _RETRY_AFTER.get(status) if retry_after is None else retry_after
        super().__init__(self.message)

    @property
    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.status, "message": self.message}
        if self.metadata is not None:
            error["metadata"] = self.metadata
        return {"error": error}

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
