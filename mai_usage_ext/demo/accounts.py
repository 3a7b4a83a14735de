"""The people of a host: its first admin, more users, their tokens and API keys."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.demo.host_process import HostError

__all__ = ["Account", "Accounts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can sign in; ``token`` is a session token."""

    id: str
    name: str
    email: str
    password: str
    role: str
    token: str


class Accounts:
    """Makes and finds accounts on one host. Every method raises ``HostError`` with its answer."""

    def __init__(self, url: str) -> None:
        self._url = url

    def admin(self, *, name: str, email: str, password: str) -> Account:
        """The first admin: signed up on a fresh host, signed in on a used one."""
        found = self._sign_in(name=name, email=email, password=password)
        if found is not None:
            return found
        answer = self.call(
            "POST", "/api/v1/auths/signup", {"name": name, "email": email, "password": password}
        )
        return _account(answer, email=email, password=password)

    def user(
        self, admin: Account, *, name: str, email: str, password: str, role: str = "user"
    ) -> Account:
        """A user of that name: added on a fresh host, signed in on a used one."""
        found = self._sign_in(name=name, email=email, password=password)
        if found is not None:
            return found
        form = {"name": name, "email": email, "password": password, "role": role}
        answer = self.call("POST", "/api/v1/auths/add", form, token=admin.token)
        return _account(answer, email=email, password=password)

    def api_key(self, account: Account) -> str:
        """A fresh API key; the one before it stops working."""
        answer = self.call("POST", "/api/v1/auths/api_key", token=account.token)
        return str(answer["api_key"])

    def call(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        token: str | None = None,
        timeout_s: float = 60.0,
    ) -> Any:
        """One JSON request to the host."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own http URL
            self._url + path, data=data, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")[:500]
            raise HostError(f"{method} {path} answered {error.code}: {text}") from None
        except (OSError, ValueError) as error:
            raise HostError(f"{method} {path} failed: {error}") from error

    def _sign_in(self, *, name: str, email: str, password: str) -> Account | None:
        try:
            answer = self.call(
                "POST", "/api/v1/auths/signin", {"email": email, "password": password}
            )
        except HostError as error:
            if "answered 400" in str(error):
                return None
            raise
        return _account({"name": name, **answer}, email=email, password=password)


def _account(answer: dict[str, Any], *, email: str, password: str) -> Account:
    return Account(
        id=str(answer["id"]),
        name=str(answer["name"]),
        email=email,
        password=password,
        role=str(answer["role"]),
        token=str(answer["token"]),
    )
