"""The real hosts are shared with the other folders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.theatre import Theatre, borrowed_theatre


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    with borrowed_theatre() as shared:
        yield shared
