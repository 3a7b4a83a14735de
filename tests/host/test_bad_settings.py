"""A wrong setting: `mai-usage serve` ends, and its log names the variable."""

from __future__ import annotations

import pytest

from tests.host.theatre import Theatre

pytestmark = pytest.mark.host


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEFAULT_MARKUP_RATE", "much"),
        ("MAI_USAGE_TIMEZONE", "Atlantis"),
        ("MAI_USAGE_TIMEZON", "UTC"),
        ("MAI_USAGE_DATABASE_URL", "mysql://root@localhost/x"),
    ],
)
def test_serve_ends_with_the_variable_named(theatre: Theatre, variable: str, value: str) -> None:
    host = theatre.new(f"bad-{variable.lower()}", environment={variable: value})
    host.launch()
    try:
        assert host.wait_for_exit(timeout_s=60) not in (0, None)
    finally:
        host.kill()
    assert variable in host.log_text()
