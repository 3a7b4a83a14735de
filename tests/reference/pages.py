"""The pages below ``docs`` that are made from the code, and what makes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.reference.api_page import api_page
from tests.reference.definitions_page import definitions_page

__all__ = ["PAGES"]

_DOCS = Path(__file__).parents[2] / "docs"

PAGES: Mapping[Path, Callable[[], str]] = {
    _DOCS / "api.md": api_page,
    _DOCS / "definitions.md": definitions_page,
}
