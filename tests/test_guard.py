"""The guest contract itself."""

import asyncio
import logging

import pytest

from mai_usage_ext.guard import own_traffic, shielded, tally, traffic_is_ours
from tests.conftest import Swallowed


def test_an_exception_is_counted_logged_once_and_swallowed(
    swallowed: Swallowed, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with shielded("testing"):
                raise ValueError("oops")
    assert tally["failed: testing"] == 3
    assert len(caplog.records) == 1
    assert "testing failed: oops" in caplog.text
    for _ in range(3):
        assert str(swallowed.expect("testing")) == "oops"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_no_failure_of_ours_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), shielded("testing"):
        raise error
    assert tally["failed: testing"] == 0


def test_a_test_that_expects_the_wrong_failure_fails(swallowed: Swallowed) -> None:
    with pytest.raises(AssertionError, match="nothing was swallowed while dreaming"):
        swallowed.expect("dreaming")


def test_own_traffic_is_marked_and_unmarked() -> None:
    assert not traffic_is_ours()
    with own_traffic():
        assert traffic_is_ours()
    assert not traffic_is_ours()
