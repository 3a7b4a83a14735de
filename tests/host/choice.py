"""Which Open WebUI a test runs in: the newest, the oldest that we support, or both in turn."""

from __future__ import annotations

import pytest

from tests.workshop.hosts import NEWEST, OLDEST

__all__ = ["choose_hosts"]

_CHOICES = {"newest": (NEWEST,), "oldest": (OLDEST,), "both": (NEWEST, OLDEST)}


def choose_hosts(metafunc: pytest.Metafunc) -> None:
    """Run a test of the theatre in the hosts that ``--hosts`` names.

    Without it, in the newest; those marked ``oldest_too`` in both, ``oldest_only`` in the oldest.
    """
    if "software" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("hosts")
    hosts = _CHOICES[chosen or _usual(metafunc.definition)]
    metafunc.parametrize(
        "software", hosts, ids=[host.version for host in hosts], indirect=True, scope="session"
    )


def _usual(test: pytest.Item) -> str:
    if test.get_closest_marker("oldest_only"):
        return "oldest"
    return "both" if test.get_closest_marker("oldest_too") else "newest"
