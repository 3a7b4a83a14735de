"""What every story has to keep: no error, no violation of axe, nothing beside the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gallery.studio import AXE, LOOKS, Look, Studio, build, studio

pytestmark = [pytest.mark.browser]

# A story is a part of a page: it need not have a page's landmarks, nor a line the list around it.
_RULES_OF_WHOLE_PAGES = [
    "region",
    "page-has-heading-one",
    "landmark-one-main",
    "bypass",
    "listitem",
]

_JUDGE = """
async (rules) => {
  const off = Object.fromEntries(rules.map((rule) => [rule, {enabled: false}]));
  const {violations} = await axe.run(document, {rules: off, resultTypes: ['violations']});
  const said = (id, {target, failureSummary}) => `${id} at ${target.flat(3)}: ${failureSummary}`;
  return violations.flatMap(({id, nodes}) => nodes.map((node) => said(id, node)));
}
"""

# Sticking out of the page is what makes a phone scroll sideways.
_TOO_WIDE = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@pytest.fixture(scope="module")
def room() -> Iterator[Studio]:
    build()
    with studio() as opened:
        opened.page.add_script_tag(content=AXE.read_text("utf-8"))
        yield opened


def look_named(name: str) -> Look:
    return next(look for look in LOOKS if look.name == name)


@pytest.mark.parametrize("name", ["light-en-desktop", "dark-en-desktop"])
def test_no_story_violates_a_rule_of_axe(room: Studio, name: str) -> None:
    found: dict[str, list[str]] = {}
    for story in room.stories:
        room.show(story, look_named(name))
        violations = room.page.evaluate(_JUDGE, _RULES_OF_WHOLE_PAGES)
        if violations:
            found[story] = violations
    assert found == {}


def test_axe_would_find_something(room: Studio) -> None:
    room.page.evaluate("document.body.innerHTML = '<main><button></button></main>'")
    assert room.page.evaluate(_JUDGE, _RULES_OF_WHOLE_PAGES) != []


@pytest.mark.parametrize("language", ["en-US", "pl-PL", "ar"])
def test_no_story_is_wider_than_a_phone(room: Studio, language: str) -> None:
    look = Look(theme="light", language=language, width=390)
    too_wide = {}
    for story in room.stories:
        room.show(story, look)
        if (pixels := room.page.evaluate(_TOO_WIDE)) > 0:
            too_wide[story] = pixels
    assert too_wide == {}


def test_no_story_makes_the_console_complain(room: Studio) -> None:
    assert room.stories != []
    assert room.complaints == []
