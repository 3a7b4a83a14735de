"""The host's users and their groups, asked for through the host's own models.

Read in Open WebUI 0.6.18 and 0.12.4: the methods have the same names and arguments, are plain
functions in the first and coroutines in the second.
"""

import asyncio
import importlib
import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import CancelledError
from inspect import signature
from typing import Any

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.ports import HostUser

__all__ = ["HostPeople"]

_PATIENCE_S = 5.0
# So many are looked through for a name or an e-mail: 0.6 cannot say how many it would find.
_MOST_FOUND = 1_000
_BY_EMAIL = {"order_by": "email", "direction": "asc"}
# The host puts all ids into one statement, and its database takes a bounded number of them.
_MOST_IDS = 500


class HostPeople:
    """Implements ``ports.HostUsers``.

    ``loop`` is the host's own, where its coroutines have to run. Call from worker threads only:
    each method waits for the answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def find(self, user_id: str) -> HostUser | None:
        # The host's look-up of a single user hides its failures in 0.6: nobody would be known.
        for user in self._ask(_users().get_users_by_user_ids, [user_id]):
            if str(user.id) == user_id:
                return _host_user(user, self._groups(user_id))
        return None

    def find_by_email(self, email: str) -> HostUser | None:
        wanted = email.strip().casefold()
        found = self._matching(wanted, None) if wanted else ()
        return next((user for user in found if user.email.casefold() == wanted), None)

    def known(self, user_ids: Sequence[str]) -> dict[str, HostUser]:
        asked = sorted(set(user_ids))
        found: dict[str, HostUser] = {}
        for start in range(0, len(asked), _MOST_IDS):
            some = asked[start : start + _MOST_IDS]
            for user in self._ask(_users().get_users_by_user_ids, some):
                found[str(user.id)] = _host_user(user)
        return found

    def search(self, text: str, limit: int) -> Sequence[HostUser]:
        wanted = text.strip().casefold()
        if not wanted:
            return ()
        # The host takes % and _ for wildcards and so finds too much, never too little.
        return [
            user
            for user in self._matching(text.strip(), limit)
            if wanted in user.name.casefold() or wanted in user.email.casefold()
        ]

    def page(self, text: str, offset: int, limit: int) -> tuple[Sequence[HostUser], int]:
        if text.strip():
            found = sorted(self.search(text, _MOST_FOUND), key=lambda user: (user.email, user.id))
            return found[offset : offset + limit], len(found)
        # No two users have one e-mail, so pages in its order have nobody twice.
        get_users = _users().get_users
        order = {"sort": _BY_EMAIL} if "sort" in signature(get_users).parameters else {}
        filters = {} if order else {"filter": _BY_EMAIL}
        answer = self._ask(get_users, skip=offset, limit=limit, **order, **filters)
        users, total = (
            (answer["users"], answer["total"])
            if isinstance(answer, dict)
            else (answer.users, answer.total)
        )
        return [_host_user(user) for user in users], int(total)

    def _matching(self, text: str, limit: int | None) -> list[HostUser]:
        answer = self._ask(_users().get_users, filter={"query": text}, limit=limit)
        users = answer["users"] if isinstance(answer, dict) else answer.users
        return [_host_user(user) for user in users]

    def _groups(self, user_id: str) -> list[str]:
        groups = _model("groups", "Groups")
        found = self._ask(groups.get_groups_by_member_id, user_id)
        return [str(name) for group in found for name in (group.id, group.name)]

    def _ask(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What a method of the host answers. Raises ``StorageUnavailable``."""
        if _is_in_a_loop():
            raise RuntimeError("an event loop that waits for itself stands still: use a thread")
        try:
            if not inspect.iscoroutinefunction(method):
                # 0.6: its sessions belong to threads, and this is a worker's.
                return method(*args, **kwargs)
            return self._await(method(*args, **kwargs))
        except StorageUnavailable:
            raise
        except Exception as error:
            raise StorageUnavailable(f"the host's users cannot be read: {error}") from error

    def _await(self, question: Coroutine[Any, Any, Any]) -> Any:
        if self._loop.is_closed() or not self._loop.is_running():
            question.close()
            raise StorageUnavailable("the host has stopped")
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return asked.result(_PATIENCE_S)
        except TimeoutError:
            asked.cancel()
            raise StorageUnavailable(f"the host did not answer in {_PATIENCE_S:g} s") from None
        except CancelledError:
            raise StorageUnavailable("the host has stopped") from None


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _users() -> Any:
    return _model("users", "Users")


def _model(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"open_webui.models.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise StorageUnavailable(f"the host's users cannot be found: {error}") from error


def _host_user(user: Any, groups: Iterable[str] = ()) -> HostUser:
    return HostUser(
        id=str(user.id), name=str(user.name), email=str(user.email or ""), groups=tuple(groups)
    )
