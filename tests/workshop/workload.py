"""How pytest-xdist shares the tests out among its workers."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Whoever runs these starts the hosts of the theatre, so they all stay on one worker.
_ON_THE_THEATRE = ("tests/browser/", "tests/chaos/test_killed_host.py", "tests/host/")


class Workload(LoadScopeScheduling):
    """Hands out file by file in the order of the collection; the theatre counts as one file."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        # Else those with the most tests would come first, and the few long ones last.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        is_on_theatre = nodeid.startswith(_ON_THE_THEATRE)
        return "the theatre" if is_on_theatre else nodeid.partition("::")[0]
