"""What only a real browser has: dialogs and popovers over all else, and the focus that they keep.

The host listens for Escape on its window, and closes its own dialog, in which we stand.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery.studio import Look, Studio, build, studio

pytestmark = [pytest.mark.browser]

_DESKTOP = Look(theme="light", language="en-US", width=1024)
_PHONE = Look(theme="light", language="en-US", width=390)
_ARABIC = Look(theme="light", language="ar", width=1024)

_LISTEN = """
() => {
  window.escapes = 0;
  window.addEventListener('keydown', (event) => (window.escapes += Number(event.key === 'Escape')));
}
"""


@pytest.fixture(scope="module")
def room() -> Iterator[Studio]:
    build()
    with studio() as opened:
        opened.page.evaluate(_LISTEN)
        yield opened


@pytest.fixture
def page(room: Studio) -> Page:
    room.page.evaluate("window.escapes = 0")
    return room.page


def escapes_of(page: Page) -> int:
    heard: int = page.evaluate("window.escapes")
    return heard


def open_sheet(room: Studio, look: Look = _DESKTOP) -> Locator:
    room.show("ui/sheet/closed", look)
    room.page.get_by_role("button", name="Edit Acme").click()
    sheet = room.page.get_by_role("dialog")
    expect(sheet).to_be_visible()
    return sheet


def box_of(locator: Locator) -> tuple[float, float]:
    """Where it begins and ends on the line, in CSS pixels from the left."""
    box = locator.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


def test_escape_closes_the_sheet_and_not_the_dialog_of_the_host(room: Studio, page: Page) -> None:
    sheet = open_sheet(room)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert escapes_of(page) == 0
    expect(page.get_by_role("button", name="Edit Acme")).to_be_focused()
    page.keyboard.press("Escape")
    assert escapes_of(page) == 1


def test_escape_works_after_a_press_on_nothing(room: Studio, page: Page) -> None:
    sheet = open_sheet(room)
    page.mouse.click(box_of(sheet)[0] + 20, 600)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert escapes_of(page) == 0


def test_escape_never_throws_changes_away_however_often_it_is_pressed(
    room: Studio, page: Page
) -> None:
    sheet = open_sheet(room)
    sheet.get_by_label("Name").fill("Borealis")
    for _ in range(4):
        page.keyboard.press("Escape")
    expect(sheet.get_by_label("Name")).to_have_value("Borealis")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discard changes").click()
    expect(sheet).to_be_hidden()
    assert escapes_of(page) == 0


def test_a_press_beside_the_sheet_closes_it(room: Studio, page: Page) -> None:
    sheet = open_sheet(room)
    page.mouse.click(20, 400)
    expect(sheet).to_be_hidden()


def test_the_sheet_stands_where_the_line_ends_and_fills_a_phone(room: Studio) -> None:
    assert box_of(open_sheet(room)) == (544, 1024)
    assert box_of(open_sheet(room, _ARABIC)) == (0, 480)
    assert box_of(open_sheet(room, _PHONE)) == (0, 390)


def test_the_focus_stays_in_the_sheet(room: Studio, page: Page) -> None:
    open_sheet(room)
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            """() => {
                const {activeElement} = document.querySelector('main').shadowRoot;
                return activeElement === null || activeElement.closest('dialog') !== null;
            }"""
        )


def test_a_menu_in_a_sheet_is_over_it_and_closes_alone(room: Studio, page: Page) -> None:
    sheet = open_sheet(room)
    sheet.get_by_role("button", name="More").click()
    item = page.get_by_role("menuitem", name="Copy the address")
    expect(item).to_be_focused()
    page.keyboard.press("Escape")
    expect(item).to_be_hidden()
    expect(sheet).to_be_visible()
    expect(sheet.get_by_role("button", name="More")).to_be_focused()
    assert escapes_of(page) == 0


@pytest.mark.parametrize("look", [_DESKTOP, _PHONE, _ARABIC])
def test_a_menu_stays_within_the_page(room: Studio, page: Page, look: Look) -> None:
    room.show("ui/menu/odd-names", look)
    opener = page.get_by_role("button", name="Organizations")
    opener.click()
    begin, end = box_of(page.get_by_role("menu"))
    assert begin >= 0
    assert end <= look.width
    # It begins where its button begins.
    side = 1 if look is _ARABIC else 0
    assert (begin, end)[side] == pytest.approx(box_of(opener)[side], abs=1)


def test_a_tip_shows_for_the_keyboard_and_goes_by_escape(room: Studio, page: Page) -> None:
    room.show("ui/tooltip/plain", _DESKTOP)
    page.keyboard.press("Tab")
    tip = page.get_by_role("tooltip")
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    assert escapes_of(page) == 0


def test_cards_are_still_a_table(room: Studio, page: Page) -> None:
    room.show("ui/data-table/rows-open", _PHONE)
    row = page.get_by_role("table").get_by_role("row", name="acme")
    expect(row.get_by_role("cell").first).to_be_visible()
    assert row.evaluate("(each) => getComputedStyle(each).display") == "block"
    page.get_by_label("Sort by").select_option("name")
    expect(page.get_by_role("table").get_by_role("button").first).to_have_text("acme")
