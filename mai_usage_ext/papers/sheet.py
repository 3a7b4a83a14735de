"""An A4 sheet: fonts, columns, page breaks and the foot of each page.

The fonts are a part of Noto Sans, see ``fonts/OFL.txt``; a character that they lack is shown as
their replacement character.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import Align, WrapMode

__all__ = ["GREY", "INK", "Column", "Sheet"]

_FONTS = Path(__file__).parent / "fonts"
_FAMILY = "Noto Sans"
_MISSING = "\N{REPLACEMENT CHARACTER}"
_MARGIN_MM = 20
_FOOT_MM = 22
_LINE = 1.35  # of the font's size
_MM_PER_POINT = 25.4 / 72

INK = (26, 28, 33)
GREY = (105, 110, 120)
_HAIRLINE = (205, 209, 215)
_WATER = (232, 234, 238)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``width`` is in millimetres; the numbers of a column stand on its right."""

    title: str
    width: float
    is_number: bool = False


class Sheet(FPDF):
    """Grows downwards and goes on by itself on the next page, with the table's head on it.

    ``foot`` stands on the right of each page's foot, ``mark`` across each page behind the text.
    """

    def __init__(self, *, title: str, at: datetime, foot: str, mark: str = "") -> None:
        super().__init__(format="A4")
        self._foot, self._mark = foot, mark
        self._columns: Sequence[Column] = ()
        # What would otherwise be the present moment: one statement is one file.
        self.set_creation_date(at)
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.c_margin = 0
        self.set_auto_page_break(auto=True, margin=_FOOT_MM)
        for style, name in (("", "Regular"), ("B", "Bold")):
            self.add_font(_FAMILY, style, _FONTS / f"NotoSans-{name}.ttf")
        self.set_font(_FAMILY)
        font: Any = self.current_font
        self._known = frozenset(font.cmap)
        self.set_title(self.printable(title))
        self.set_lang("en")
        self.add_page()

    def printable(self, text: str) -> str:
        """The same in characters that the fonts have."""
        composed = unicodedata.normalize("NFC", text)
        return "".join(
            one if ord(one) in self._known else _MISSING
            for one in composed
            # Joiners and variation selectors have no shape of their own.
            if unicodedata.category(one) not in ("Cf", "Mn", "Cc")
        )

    def header(self) -> None:
        if self._mark:
            self._watermark()
        if self.page_no() > 1 and self._columns:
            self._head()

    def footer(self) -> None:
        self.set_y(-15)
        self._pen(8, GREY)
        # The number of pages is put in at the end, so what stands on the right is not that.
        self.cell(25, 5, f"{self.page_no()} / {{nb}}")
        self.cell(self.epw - 25, 5, self.printable(self._foot), align=Align.R)

    def write_lines(
        self,
        text: str,
        *,
        x: float | None = None,
        width: float | None = None,
        size: float = 9,
        is_bold: bool = False,
        colour: tuple[int, int, int] = INK,
        align: Align = Align.L,
    ) -> None:
        """Every line of the text, wrapped; the next thing stands below it."""
        self._pen(size, colour, is_bold=is_bold)
        left = self.l_margin if x is None else x
        for line in text.splitlines():
            self.set_x(left)
            self.multi_cell(
                width or self.epw,
                size * _LINE * _MM_PER_POINT,
                self.printable(line),
                align=align,
                new_x="LMARGIN",
                new_y="NEXT",
                wrapmode=WrapMode.WORD,
            )

    def keep_together(self, height: float) -> None:
        """Begin a new page where so many millimetres are not left."""
        if self.will_page_break(height):
            self.add_page()

    def begin_table(self, columns: Sequence[Column]) -> None:
        # Two rows go with the head, so that it never stands alone at the bottom.
        self.keep_together(25)
        self._columns = columns
        self._head()

    def end_table(self) -> None:
        self._columns = ()
        self._rule()
        self.ln(2)

    def add_row(self, cells: Sequence[str], *, below: str = "") -> None:
        """One row. The first cell wraps; ``below`` stands under it in grey."""
        first = self._columns[0].width - 3
        lines = self._wrapped(cells[0], first, 8.5)
        under = self._wrapped(below, first, 7.5) if below else []
        height = 4.4 * len(lines) + 3.7 * len(under) + 1.6
        self.keep_together(height)
        top = self.get_y() + 0.8
        for number, line in enumerate(lines):
            self._pen(8.5, INK)
            self.set_xy(self.l_margin, top + 4.4 * number)
            self.cell(first, 4.4, line)
        for number, line in enumerate(under):
            self._pen(7.5, GREY)
            self.set_xy(self.l_margin, top + 4.4 * len(lines) + 3.7 * number)
            self.cell(first, 3.7, line)
        self._pen(8.5, INK)
        self._row_of(cells[1:], top, 4.4)
        self.set_xy(self.l_margin, top + height - 0.8)

    def _row_of(self, cells: Sequence[str], top: float, height: float) -> None:
        x = self.l_margin + self._columns[0].width
        for column, text in zip(self._columns[1:], cells, strict=True):
            self.set_xy(x, top)
            align = Align.R if column.is_number else Align.L
            self.cell(column.width, height, self.printable(text), align=align)
            x += column.width

    def _head(self) -> None:
        self._pen(7.5, GREY, is_bold=True)
        top = self.get_y()
        self.cell(self._columns[0].width, 5, self.printable(self._columns[0].title))
        self._row_of([column.title for column in self._columns[1:]], top, 5)
        self.set_xy(self.l_margin, top + 5.5)
        self._rule()

    def _rule(self) -> None:
        self.set_draw_color(*_HAIRLINE)
        self.set_line_width(0.2)
        y = self.get_y() + 0.3
        self.line(self.l_margin, y, self.w - self.r_margin, y)
        self.set_xy(self.l_margin, y + 0.5)

    def _wrapped(self, text: str, width: float, size: float) -> list[str]:
        self._pen(size, INK)
        lines = self.multi_cell(
            width,
            size,
            self.printable(text),
            dry_run=True,
            output="LINES",
            wrapmode=WrapMode.WORD,
        )
        return [str(line) for line in lines] or [""]  # type: ignore[union-attr]

    def _watermark(self) -> None:
        self._pen(110, _WATER, is_bold=True)
        width = self.get_string_width(self._mark)
        with self.rotation(52, self.w / 2, self.h / 2):
            self.text((self.w - width) / 2, self.h / 2 + 14, self._mark)
        self.set_xy(self.l_margin, self.t_margin)

    def _pen(self, size: float, colour: tuple[int, int, int], *, is_bold: bool = False) -> None:
        self.set_font(_FAMILY, "B" if is_bold else "", size)
        self.set_text_color(*colour)
