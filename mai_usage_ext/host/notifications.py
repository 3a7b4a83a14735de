"""The host's own ways of telling its admins: event sinks, and their own notification targets.

Open WebUI 0.12 hands whatever happens to the members of ``open_webui.events.EVENT_SINKS``:
functions of the kind ``event`` and the webhooks of its admin page. It publishes none but its own
events by name, but a sink takes any that is handed to it. Its users may have notification targets,
which ``open_webui.utils.notifications.notify_target`` sends to. Open WebUI 0.6 has one webhook for
each user. Read in 0.6.18 and 0.12.4. Neither can show a message on a page that is open: what
arrives by the socket is shown only inside the chat that it names.
"""

import asyncio
import importlib
import inspect
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from mai_usage_ext.guard import own_traffic, shielded
from mai_usage_ext.host.seams import host_version
from mai_usage_ext.ports.alerts import MailStep

__all__ = ["EVENT", "HostNotifications"]

EVENT = "mai_usage.alert.fired"
_PATIENCE_S = 20.0
_LONGEST_REASON = 300


class HostNotifications:
    """Implements ``ports.alerts.HostNotices``. ``loop`` is the host's own, where its coroutines
    have to run; ``app`` is the host's."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    async def tell(self, title: str, text: str, facts: Mapping[str, Any]) -> Sequence[MailStep]:
        """Tell the sinks and every admin that has a target of their own. Never raises."""
        if self._loop.is_closed() or not self._loop.is_running():
            return [MailStep(name="host", is_done=False, detail="the host has stopped")]
        work = asyncio.run_coroutine_threadsafe(self._tell(title, text, facts), self._loop)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), _PATIENCE_S)
        except TimeoutError:
            detail = f"the host did not answer in {_PATIENCE_S:g} s"
            return [MailStep(name="host", is_done=False, detail=detail)]

    async def _tell(self, title: str, text: str, facts: Mapping[str, Any]) -> list[MailStep]:
        with own_traffic():
            return [
                await _step("event sinks", lambda: self._to_sinks(title, facts)),
                await _step("admins' targets", lambda: self._to_admins(title, text, facts)),
            ]

    async def _to_sinks(self, title: str, facts: Mapping[str, Any]) -> str:
        events = _module("events")
        if events is None or not hasattr(events, "EVENT_SINKS"):
            raise _NotThere("this version of Open WebUI has no event sinks")
        event = _event(events.Event, title, facts)
        for sink in list(events.EVENT_SINKS):
            await sink.handle_event(self._app, event)
        return f"{len(events.EVENT_SINKS)} sinks were told {EVENT}"

    async def _to_admins(self, title: str, text: str, facts: Mapping[str, Any]) -> str:
        if not await self._are_user_webhooks_on():
            raise _NotThere("the host's setting for users' webhooks is off")
        told, problems = 0, list[str]()
        for admin in await _admins():
            try:
                told += await self._to_admin(admin, title, text, facts)
            except ValueError as error:
                # The host's own word for a target that cannot be used, or that did not answer.
                problems.append(str(error))
        if problems:
            raise _NotThere(f"{told} admins were told; {'; '.join(sorted(set(problems)))}")
        if not told:
            raise _NotThere("no admin has a notification target")
        return f"{told} admins were told"

    async def _to_admin(self, admin: Any, title: str, text: str, facts: Mapping[str, Any]) -> bool:
        name = str(getattr(self._app.state, "WEBUI_NAME", "Open WebUI"))
        notifications = _module("utils.notifications")
        if notifications is not None:
            found = await notifications.list_targets(admin.id)
            if not any(one.get("enabled", True) for one in found["targets"]):
                return False
            await notifications.notify_target(admin.id, text, title=title, app_name=name)
            return True
        url = await _done(_users().get_user_webhook_url_by_id, admin.id)
        if not url:
            return False
        post = _module("utils.webhook").post_webhook
        data = {"action": "alert", "message": text, "title": title, **facts}
        if not await _done(post, name, url, f"{title}\n{text}", data):
            raise ValueError("a webhook of an admin did not take the message")
        return True

    async def _are_user_webhooks_on(self) -> bool:
        configs = _module("models.config")
        if configs is not None and hasattr(configs, "Config"):
            return bool(await configs.Config.get("ui.enable_user_webhooks"))
        return bool(getattr(self._app.state.config, "ENABLE_USER_WEBHOOKS", False))


class _NotThere(Exception):
    """The host has no such way, or nobody has asked it for messages."""


async def _step(name: str, work: Callable[[], Awaitable[str]]) -> MailStep:
    step = MailStep(name=name, is_done=False, detail="it failed; the host's log says why")
    with shielded(f"telling the host's {name}"):
        try:
            step = MailStep(name=name, is_done=True, detail=await work())
        except _NotThere as error:
            step = MailStep(name=name, is_done=False, detail=str(error)[:_LONGEST_REASON])
    return step


def _event(kind: Any, title: str, facts: Mapping[str, Any]) -> Any:
    return kind(
        schema=host_version(),
        id=str(uuid.uuid4()),
        event=EVENT,
        resource=EVENT.rpartition(".")[0],
        operation=EVENT.rpartition(".")[2],
        created_at=int(time.time()),
        instance_id=None,
        version=host_version(),
        source="mai_usage",
        data=dict(facts),
        message=title,
    )


async def _admins() -> Sequence[Any]:
    answer = await _done(_users().get_users, filter={"query": "", "roles": ["admin"]}, limit=None)
    users = answer["users"] if isinstance(answer, dict) else answer.users
    return [user for user in users if user.role == "admin"]


def _users() -> Any:
    users = _module("models.users")
    if users is None:
        raise _NotThere("the host's users cannot be found")
    return users.Users


async def _done(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A coroutine in 0.12, a plain function that may wait in 0.6."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **kwargs)
    return await asyncio.to_thread(method, *args, **kwargs)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"open_webui.{name}")
    except ModuleNotFoundError:
        return None
