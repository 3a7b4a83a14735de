"""Telling the wire who calls.

Two seams, because the wire knows no user. The host's own ``get_current_user`` finds the user on
every route, so it is wrapped where the routes hold it. Automations and sub-agents have no route, so
the host's one function for completions is wrapped too; it also knows the purpose.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mai_usage_ext.guard import shielded
from mai_usage_ext.host.caller import Caller, current_caller

__all__ = ["purpose_of", "remember_user", "watch_users", "with_caller"]


def watch_users(app: Any, get_current_user: Callable[..., Any]) -> Callable[[], None]:
    """Note the user of every request from now on. Returns what undoes it.

    FastAPI's ``dependency_overrides`` is the documented way, and costs every request of the host:
    while it holds anything, each dependency of each route is inspected anew each time (a quarter of
    what metering added to a completion in a trial). So the routes' own dependants are changed
    instead, and the documented way is left for an app without such, or with an override already.
    """
    overrides = app.dependency_overrides
    earlier = overrides.get(get_current_user)
    noted = remember_user(earlier or get_current_user)
    held = [] if earlier else [each for each in _dependants(app) if each.call is get_current_user]
    _set_calls(held, noted)
    if held:
        return functools.partial(_set_calls, held, get_current_user)
    overrides[get_current_user] = noted

    def undo() -> None:
        if earlier is None:
            overrides.pop(get_current_user, None)
        else:
            overrides[get_current_user] = earlier

    return undo


def remember_user(get_current_user: Callable[..., Any]) -> Callable[..., Any]:
    """The host's dependency, with the user it returns noted for the rest of the request.

    The wrapper is a coroutine on every host version, so that it runs in the request's own context
    and not in a copy that a worker thread throws away.
    """

    @functools.wraps(get_current_user)
    async def noted(*args: Any, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(get_current_user):
            user = await get_current_user(*args, **kwargs)
        else:
            user = await asyncio.to_thread(get_current_user, *args, **kwargs)
        with shielded("noting the caller"):
            current_caller.set(Caller(user_id=str(user.id)))
        return user

    # FastAPI reads the signature to know what to inject.
    noted.__signature__ = inspect.signature(get_current_user)  # type: ignore[attr-defined]
    return noted


def with_caller(generate: Callable[..., Any]) -> Callable[..., Any]:
    """The host's ``generate_openai_chat_completion``, with user and purpose noted around it."""

    @functools.wraps(generate)
    async def generate_with_caller(*args: Any, **kwargs: Any) -> Any:
        token = None
        with shielded("noting the purpose"):
            caller = _caller_of(kwargs.get("user"), kwargs.get("form_data"))
            if caller is not None:
                token = current_caller.set(caller)
        try:
            return await generate(*args, **kwargs)
        finally:
            if token is not None:
                current_caller.reset(token)

    return generate_with_caller


def purpose_of(metadata: object) -> str:
    """What a completion is for: a background task's name, ``chat``, or ``api`` outside of chats."""
    if not isinstance(metadata, dict):
        return "api"
    task = metadata.get("task")
    if task:
        name = str(getattr(task, "value", task)).rsplit(".", 1)[-1].lower()
        return name.removesuffix("_generation")[:40]
    return "chat" if metadata.get("chat_id") else "api"


def _dependants(app: Any) -> Iterator[Any]:
    """Every node of every route's dependency tree."""
    waiting = [getattr(route, "dependant", None) for route in app.router.routes]
    while waiting:
        dependant = waiting.pop()
        if dependant is not None:
            yield dependant
            waiting += getattr(dependant, "dependencies", ())


def _set_calls(dependants: Sequence[Any], call: Callable[..., Any]) -> None:
    for dependant in dependants:
        dependant.call = call
        # Newer versions of FastAPI remember what they found out about the call.
        for name, attribute in vars(type(dependant)).items():
            if isinstance(attribute, functools.cached_property):
                vars(dependant).pop(name, None)


def _caller_of(user: Any, form_data: Any) -> Caller | None:
    known = current_caller.get()
    user_id = str(user.id) if user is not None else (known.user_id if known else None)
    if user_id is None:
        return None
    metadata = form_data.get("metadata") if isinstance(form_data, dict) else None
    return Caller(user_id=user_id, purpose=purpose_of(metadata))
