"""``make reference``: write the pages that are made from the code."""

from __future__ import annotations

from tests.reference.pages import PAGES

for path, page in PAGES.items():
    path.write_text(page(), "utf-8")
    print(path)  # noqa: T201 - the command's own words
