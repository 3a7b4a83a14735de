"""What of a request's body is changed: the user's name, and not a byte beside it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.host.request import OutgoingBody
from tests.wire.overheard import Overheard
from tests.wire.rig import MODEL, Rig


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Overheard]:
    async with Overheard() as running:
        yield running


async def sent(rig: Rig, *, user: str = "alice", **options: Any) -> bytes:
    """What the upstream got when alice posted this."""
    current_caller.set(Caller(user_id=user, purpose="chat"))
    headers = {"Authorization": f"Bearer {rig.simulator.inference_key}"}
    options = {"headers": headers, **options}
    async with rig.session.post(rig.simulator.url + "/chat/completions", **options) as response:
        await response.read()
    assert isinstance(rig.simulator, Overheard)
    return rig.simulator.sent()[-1].body


def name_of(rig: Rig, user: str = "alice") -> str:
    """The stable id that stands for the user at OpenRouter."""
    rows = rig.query(
        f"SELECT openrouter_user_id FROM user_client_mappings WHERE user_id = '{user}'"
    )
    [(name,)] = rows
    assert name != user
    return str(name)


SPACED = (
    f'{{\n  "model": "{MODEL}", "temperature": 0.10,\t"n": 1e0,\n'
    '  "messages": [ {"role":"user", "content":"Zażółć \\u0142 \\"user\\": 🐘"} ]}\n'
)
OWN = f'{{"model": "{MODEL}", "user" :  "alice@example.com" , "messages":[], "x": 1.0 }}'


class TestUser:
    @pytest.mark.parametrize("as_bytes", [False, True], ids=["text", "bytes"])
    async def test_is_put_in_front_of_a_body_without_one(
        self, sqlite_rig: Rig, as_bytes: bool
    ) -> None:
        body = await sent(sqlite_rig, data=SPACED.encode() if as_bytes else SPACED)
        added = f'{{"user": "{name_of(sqlite_rig)}", '
        assert body.decode() == added + SPACED[1:]

    @pytest.mark.parametrize("as_bytes", [False, True], ids=["text", "bytes"])
    async def test_of_the_hosts_own_is_replaced_where_it_stands(
        self, sqlite_rig: Rig, as_bytes: bool
    ) -> None:
        body = await sent(sqlite_rig, data=OWN.encode() if as_bytes else OWN)
        assert body.decode() == OWN.replace("alice@example.com", name_of(sqlite_rig))

    async def test_that_stands_twice_is_replaced_twice(self, sqlite_rig: Rig) -> None:
        twice = '{"user": null, "model": "x", "user": {"user": "alice"}}'
        body = (await sent(sqlite_rig, data=twice)).decode()
        name = name_of(sqlite_rig)
        assert body == f'{{"user": "{name}", "model": "x", "user": "{name}"}}'

    async def test_is_one_of_the_fields_of_json(self, sqlite_rig: Rig) -> None:
        given = {"model": MODEL, "messages": [], "user": "alice@example.com"}
        body = json.loads(await sent(sqlite_rig, json=given))
        assert body == {**given, "user": name_of(sqlite_rig)}
        assert given["user"] == "alice@example.com", "the host's own object stays as it is"

    @pytest.mark.parametrize("empty", ["{}", " { } ", "{\n}"])
    async def test_is_all_there_is_in_an_empty_object(self, sqlite_rig: Rig, empty: str) -> None:
        body = await sent(sqlite_rig, data=empty)
        assert json.loads(body) == {"user": name_of(sqlite_rig)}

    async def test_stays_the_same_and_is_nobody_elses(self, rig: Rig) -> None:
        bodies = [
            json.loads(await sent(rig, user=user, json={})) for user in ("alice", "bob", "alice")
        ]
        names = [body["user"] for body in bodies]
        assert names[0] == names[2] != names[1]
        assert "alice" not in names[0]

    async def test_is_left_out_where_nobody_calls(self, sqlite_rig: Rig) -> None:
        rig = sqlite_rig
        await rig.read(user=None)
        assert isinstance(rig.simulator, Overheard)
        assert "user" not in rig.simulator.sent()[-1].json

    async def test_makes_no_body_too_long_for_its_header(self, sqlite_rig: Rig) -> None:
        headers = {
            "Authorization": f"Bearer {sqlite_rig.simulator.inference_key}",
            "Content-Length": str(len(OWN)),
        }
        body = await sent(sqlite_rig, data=OWN, headers=headers)
        assert json.loads(body)["user"] == name_of(sqlite_rig)


class TestNoObject:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"no JSON",
            b"[1, 2]",
            b'"text"',
            b"null",
            b'{"a": NaN}',
            b'{"a": 1',
            b"\xff\xfe\x00",
            b'\xef\xbb\xbf{"model": "x"}',
            '{"model": "x"}'.encode("utf-16"),
        ],
    )
    async def test_goes_on_byte_by_byte(self, sqlite_rig: Rig, body: bytes) -> None:
        assert await sent(sqlite_rig, data=body) == body
        await sqlite_rig.until(lambda holds: holds == {"void": 1})

    async def test_of_a_form_or_a_stream(self, sqlite_rig: Rig) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'{"model": '
            yield b'"x"}'

        assert await sent(sqlite_rig, data=pieces()) == b'{"model": "x"}'
        form = aiohttp.FormData({"model": "x", "user": "alice"})
        assert await sent(sqlite_rig, data=form) == b"model=x&user=alice"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text() | st.just("user"), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["user", "max_tokens", "model", "x"]) | st.text(), JSON)
FIELDS = st.dictionaries(
    st.sampled_from(["user", "max_tokens"]), st.text(alphabet="u_0f") | st.integers(1), max_size=2
)


@given(object_=OBJECTS, fields=FIELDS, indent=st.sampled_from([None, 0, 2]), is_ascii=st.booleans())
def test_any_object_gets_its_fields_and_keeps_the_rest(
    object_: dict[str, Any], fields: dict[str, Any], indent: int | None, is_ascii: bool
) -> None:
    text = json.dumps(object_, indent=indent, ensure_ascii=is_ascii)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    kwargs = {"data": text}
    changed = OutgoingBody(kwargs).with_fields(kwargs, fields)["data"]
    assert json.loads(changed) == {**object_, **fields}
    if not fields:
        assert changed == text
