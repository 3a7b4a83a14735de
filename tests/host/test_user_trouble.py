"""What a host that fails, hangs or stops does to those who ask about its users."""

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.host import users
from mai_usage_ext.host.user_events import UserEvents
from mai_usage_ext.host.users import HostPeople
from tests.conftest import Swallowed

DELETED = SimpleNamespace(event="user.deleted", subject={"type": "user", "id": "ada"})


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own, as the host's does."""
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


async def hang(_: list[str]) -> None:
    await asyncio.Event().wait()


async def fail(_: list[str]) -> None:
    raise OSError("the database is locked")


@pytest.mark.parametrize(("method", "reason"), [(hang, "did not answer"), (fail, "is locked")])
def test_a_host_that_does_not_answer(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, method: Any, reason: str
) -> None:
    monkeypatch.setattr(users, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(users, "_users", lambda: SimpleNamespace(get_users_by_user_ids=method))
    for ask in (HostPeople(loop).find, lambda user_id: HostPeople(loop).known([user_id])):
        with pytest.raises(StorageUnavailable, match=reason):
            ask("ada")


def test_a_host_that_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = asyncio.new_event_loop()
    stopped.close()
    monkeypatch.setattr(users, "_users", lambda: SimpleNamespace(get_users_by_user_ids=fail))
    with pytest.raises(StorageUnavailable, match="has stopped"):
        HostPeople(stopped).find("ada")


async def test_asking_from_an_event_loop_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users, "_users", lambda: SimpleNamespace(get_users_by_user_ids=fail))
    with pytest.raises(RuntimeError, match="use a thread"):
        HostPeople(asyncio.get_running_loop()).find("ada")


async def test_the_host_never_feels_what_goes_wrong(swallowed: Swallowed) -> None:
    def refuse(_: str) -> None:
        raise StorageUnavailable("the database is away")

    events = UserEvents(refuse)
    await events.handle_event(None, DELETED, request=None)
    await events.finished()
    assert isinstance(swallowed.expect("forgetting a deleted user"), StorageUnavailable)
    await events.handle_event(None, object())
    assert isinstance(swallowed.expect("hearing of a deleted user"), AttributeError)


async def test_the_host_does_not_wait_for_us() -> None:
    heard: list[str] = []
    may_go_on = threading.Event()

    def slowly(user_id: str) -> None:
        may_go_on.wait(10)
        heard.append(user_id)

    events = UserEvents(slowly)
    for event in (
        DELETED,
        SimpleNamespace(event="user.created", subject={"id": "ben"}),
        SimpleNamespace(event="user.deleted", subject=None),
    ):
        await events.handle_event(None, event)
    assert heard == []
    may_go_on.set()
    await events.finished()
    assert heard == ["ada"]
