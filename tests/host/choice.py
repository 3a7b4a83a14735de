"""Which Open WebUI a test runs in: the newest, the oldest that we support, or both in turn."""

from __future__ import annotations

import pytest

from tests.workshop.hosts import NEWEST, OLDEST, Host

__all__ = ["choose_hosts"]

# What only one of them can do, there is nothing to test of in the other.
_ALONE = {"newest_alone": NEWEST, "oldest_alone": OLDEST}
_CHOICES = {"newest": (NEWEST,), "oldest": (OLDEST,), "both": (NEWEST, OLDEST)}


def choose_hosts(metafunc: pytest.Metafunc) -> None:
    """Run a test of the theatre in the hosts that ``--hosts`` names.

    Without it, in the newest; those marked ``oldest_too`` in both, ``oldest_only`` in the oldest.
    What one version alone can do, marked ``newest_alone`` or ``oldest_alone``, runs in that one.
    """
    if "software" not in metafunc.fixturenames:
        return
    hosts = _hosts(metafunc.definition, metafunc.config.getoption("hosts"))
    metafunc.parametrize(
        "software", hosts, ids=[host.version for host in hosts], indirect=True, scope="session"
    )


def _hosts(test: pytest.Item, chosen: str | None) -> tuple[Host, ...]:
    for marker, host in _ALONE.items():
        if test.get_closest_marker(marker):
            return (host,)
    return _CHOICES[chosen or _usual(test)]


def _usual(test: pytest.Item) -> str:
    if test.get_closest_marker("oldest_only"):
        return "oldest"
    return "both" if test.get_closest_marker("oldest_too") else "newest"
