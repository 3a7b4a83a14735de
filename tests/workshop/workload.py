"""How pytest-xdist shares the tests out among its workers."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Whoever runs these starts the hosts of a theatre, or lives the golden year, which both take long;
# so each share stays on one worker.
_SHARES = {
    "the golden year": ("tests/golden/",),
    "the theatre": ("tests/host/",),
    "the second theatre": ("tests/browser/", "tests/chaos/test_killed_host.py", "tests/soak/"),
}


class Workload(LoadScopeScheduling):
    """Hands out file by file in the order of the collection; a share counts as one file."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        # Else those with the most tests would come first, and the few long ones last.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        for share, places in _SHARES.items():
            if nodeid.startswith(places):
                return share
        return nodeid.partition("::")[0]
