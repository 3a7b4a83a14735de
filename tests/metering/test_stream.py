"""The stream watcher, fed every recorded stream in every way the network could cut it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai_usage_ext.metering.answers import Ending
from mai_usage_ext.metering.stream import MAX_EVENT_BYTES, StreamWatcher
from tests.metering.recorded import RECORDED, Recorded

by_name = pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)


def watch(pieces: list[bytes], *, interrupted: bool = False) -> StreamWatcher:
    watcher = StreamWatcher()
    for piece in pieces:
        watcher.feed(piece)
    return watcher


def assert_reads(recorded: Recorded, pieces: list[bytes]) -> None:
    assert b"".join(pieces) == recorded.body
    answer = watch(pieces).answer()
    assert answer.usage == recorded.usage
    assert answer.ending is recorded.ending
    assert answer.generation_id == recorded.generation_id
    assert answer.model == recorded.model
    assert (answer.problem is None) == (recorded.usage is not None)


@by_name
def test_whole(recorded: Recorded) -> None:
    assert_reads(recorded, [recorded.body])


@by_name
def test_byte_by_byte(recorded: Recorded) -> None:
    assert_reads(recorded, [recorded.body[i : i + 1] for i in range(len(recorded.body))])


@by_name
def test_cut_in_two_anywhere(recorded: Recorded) -> None:
    for cut in range(len(recorded.body) + 1):
        assert_reads(recorded, [recorded.body[:cut], recorded.body[cut:]])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_split(data: st.DataObject) -> None:
    recorded = data.draw(st.sampled_from(RECORDED))
    size = len(recorded.body)
    cuts = sorted(data.draw(st.sets(st.integers(0, size), max_size=40)) | {0, size})
    pieces = [recorded.body[a:b] for a, b in itertools.pairwise(cuts)]
    assert_reads(recorded, pieces)


@by_name
def test_interrupted_before_its_end_has_no_usage(recorded: Recorded) -> None:
    if recorded.ending is Ending.FAILED or b"response.completed" in recorded.body:
        assert watch([recorded.body]).answer(interrupted=True).usage == recorded.usage
        return
    end = recorded.body.find(b"[DONE]")
    answer = watch([recorded.body[: end if end >= 0 else None]]).answer(interrupted=True)
    assert answer.usage is None
    assert answer.ending is Ending.INTERRUPTED
    assert answer.problem


def test_done_ends_the_stream_at_once() -> None:
    watcher = StreamWatcher()
    watcher.feed(RECORDED[0].body[:-1])
    assert not watcher.ended
    watcher.feed(RECORDED[0].body[-1:])
    assert watcher.ended
    assert watcher.answer(interrupted=True).usage == RECORDED[0].usage


def test_the_header_names_the_generation_before_any_chunk() -> None:
    watcher = StreamWatcher(header_id="gen-header")
    watcher.feed(RECORDED[0].body)
    assert watcher.generation_id == "gen-header"


def test_an_event_without_end_does_not_fill_memory() -> None:
    watcher = StreamWatcher()
    watcher.feed(RECORDED[0].body.partition(b"\n\n")[0] + b"\n\ndata: ")
    for _ in range(3 * MAX_EVENT_BYTES // 65_536):
        watcher.feed(b"x" * 65_536)
        assert len(watcher._buffer) <= MAX_EVENT_BYTES + 65_536
    watcher.feed(b"\n\ndata: [DONE]\n\n")
    answer = watcher.answer()
    assert watcher.ended
    assert answer.usage is None
    assert answer.problem == "an event is too long"


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_any_bytes_at_all_are_survived(pieces: list[bytes]) -> None:
    answer = watch(pieces).answer()
    assert answer.usage is None
