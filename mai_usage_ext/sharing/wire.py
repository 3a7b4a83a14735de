"""Messages over Redis' publish and subscribe, in two threads that nobody ever waits for.

One thread hears and one tells. Every few seconds a process tells itself something, and only when
that comes back does the way through Redis count as open, so that a server which hangs, forbids or
forgets us is noticed like one that is gone. Whenever the way has been opened anew, messages may
have been missed, and everybody here is told to look at everything.
"""

import json
import secrets
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from mai_usage_ext.guard import shielded
from mai_usage_ext.ports.messages import Hear, RedisPlace, Topic
from mai_usage_ext.services.absence import Absence
from mai_usage_ext.sharing.clients import RedisClient, connect, reason_of

__all__ = ["RedisMessages"]

_TIMEOUT_S = 1.0
_PULSE_S = 2.0
# So many pulses may get lost before the way counts as closed.
_LOST_PULSES = 2.5
# Calls that end together share a message.
_GATHER_S = 0.05
# Beyond so many names a message says that it may be any organization.
_MOST_NAMES = 200
_STOP_S = 2.0
_EVERYBODY: frozenset[str] = frozenset()


class RedisMessages:
    """Implements ``ports.Messages``. Making one does no I/O and needs no ``redis`` package."""

    def __init__(
        self, place: RedisPlace, *, pulse_s: float = _PULSE_S, absence: Absence | None = None
    ) -> None:
        self._place = place
        self._pulse_s = pulse_s
        self._absence = absence or Absence(
            "redis messages", without="other processes see changes when they poll the database"
        )
        self._own = f"{place.prefix}:pulse:{secrets.token_hex(8)}"
        self._channels = {f"{place.prefix}:{topic}": topic for topic in Topic}
        self._hear: Mapping[Topic, Hear] = {}
        self._waiting: dict[Topic, frozenset[str]] = {}
        self._wake = threading.Condition()
        self._client: RedisClient | None = None
        self._is_stopping = False
        self._is_open = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, name="mai-usage-redis-hear", daemon=True),
            threading.Thread(target=self._speak, name="mai-usage-redis-tell", daemon=True),
        ]

    @property
    def trouble(self) -> str | None:
        return self._absence.trouble

    def wait_open(self, timeout_s: float) -> bool:
        """Wait until a message of this process has come back to it; whether it has."""
        return self._is_open.wait(timeout_s)

    def tell(self, topic: Topic, names: Collection[str] = ()) -> None:
        with self._wake:
            self._waiting[topic] = _merged(self._waiting.get(topic), frozenset(names))
            self._wake.notify_all()

    def start(self, hear: dict[Topic, Hear]) -> None:
        self._hear = hear
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads; a server that hangs is not waited for."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify_all()
        give_up_at = time.monotonic() + _STOP_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, give_up_at - time.monotonic()))

    # hearing

    def _listen(self) -> None:
        while not self._is_stopping:
            try:
                self._hear_until_it_fails()
            except Exception as error:  # noqa: BLE001 - whatever it is, we go on without
                self._rest(self._failed(error))

    def _hear_until_it_fails(self) -> None:
        client = connect(self._place, timeout_s=_TIMEOUT_S)
        try:
            with client.commands.pubsub() as channel:
                channel.subscribe(*self._channels, self._own)
                with self._wake:
                    self._client = client
                    self._wake.notify_all()
                self._attend(channel)
        finally:
            self._is_open.clear()
            with self._wake:
                self._client = None
            client.close()

    def _attend(self, channel: Any) -> None:
        heard_at = time.monotonic()
        longest_s = self._pulse_s * _LOST_PULSES + _TIMEOUT_S
        while not self._is_stopping:
            message = channel.get_message(timeout=self._pulse_s)
            if message is not None and message["type"] == "message":
                if message["channel"] == self._own:
                    heard_at = time.monotonic()
                    self._opened()
                else:
                    self._take(self._channels[message["channel"]], message["data"])
            elif time.monotonic() - heard_at > longest_s:
                raise TimeoutError(f"nothing came back within {longest_s:.0f} s")

    def _opened(self) -> None:
        self._absence.back()
        if not self._is_open.is_set():
            for topic in Topic:
                self._pass_on(topic, _EVERYBODY)
            self._is_open.set()

    def _take(self, topic: Topic, data: str) -> None:
        names = _EVERYBODY
        # Somebody else's message in our channel is a reason to look, whatever it says.
        with suppress(ValueError, TypeError):
            names = frozenset(str(name) for name in json.loads(data))
        self._pass_on(topic, names)

    def _pass_on(self, topic: Topic, names: frozenset[str]) -> None:
        hear = self._hear.get(topic)
        if hear is not None:
            with shielded("hearing a message"):
                hear(names)

    # telling

    def _speak(self) -> None:
        pulse_at, last = 0.0, None
        while not self._is_stopping:
            client, messages = self._next(pulse_at, last)
            if client is None:
                continue
            try:
                self._publish(client, messages)
                client.commands.publish(self._own, "")
            except Exception as error:  # noqa: BLE001 - whatever it is, we go on without
                self._put_back(messages)
                self._rest(self._failed(error))
                continue
            pulse_at, last = time.monotonic() + self._pulse_s, client
            self._rest(_GATHER_S)
        client = self._client
        if client is not None:
            # Wakes the thread that hears, which ends then.
            with suppress(Exception):
                client.commands.publish(self._own, "")

    def _next(
        self, pulse_at: float, last: RedisClient | None
    ) -> tuple[RedisClient | None, dict[Topic, frozenset[str]]]:
        """What to tell now, by which client; nothing where only a pulse is due, which is at once
        when the client is not the ``last`` one."""
        with self._wake:
            while not self._is_stopping:
                left_s = pulse_at - time.monotonic() if self._client is last else 0.0
                if self._client is not None and (self._waiting or left_s <= 0):
                    break
                self._wake.wait(None if self._client is None else left_s)
            if self._client is None:
                return None, {}
            messages, self._waiting = self._waiting, {}
            return self._client, messages

    def _publish(self, client: RedisClient, messages: dict[Topic, frozenset[str]]) -> None:
        for topic, names in messages.items():
            client.commands.publish(f"{self._place.prefix}:{topic}", json.dumps(sorted(names)))

    def _put_back(self, messages: dict[Topic, frozenset[str]]) -> None:
        with self._wake:
            for topic, names in messages.items():
                self._waiting[topic] = _merged(self._waiting.get(topic), names)

    # both

    def _failed(self, error: Exception) -> float:
        if self._is_stopping:
            # One thread has closed what the other one used.
            return 0.0
        return self._absence.failed(reason_of(error, self._place))

    def _rest(self, wait_s: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._is_stopping, wait_s)


def _merged(before: frozenset[str] | None, names: frozenset[str]) -> frozenset[str]:
    """The names of two messages in one; that it may be anybody covers everybody."""
    if before is None:
        return names if len(names) <= _MOST_NAMES else _EVERYBODY
    if not before or not names or len(before | names) > _MOST_NAMES:
        return _EVERYBODY
    return before | names
