"""``make gallery``: every component in every state as a picture, and a page that shows them all.

``ARGS="usage/ --look dark-pl-phone"`` draws what begins so, in one look.
"""

from __future__ import annotations

import argparse
import html
from pathlib import Path

from tests.gallery.studio import LOOKS, Look, build, studio
from tests.workshop.shell import ROOT

_PICTURES = ROOT / "test-results" / "gallery"


def main() -> None:
    given = _parser().parse_args()
    looks = [look for look in LOOKS if given.look in (None, look.name)]
    build()
    with studio() as room:
        stories = [story for story in room.stories if story.startswith(given.begins)]
        for look in looks:
            for story in stories:
                room.show(story, look)
                room.take(_picture(story, look))
            _say(f"{len(stories)} stories, {look.name}")
        for complaint in room.complaints:
            _say(f"the console says: {complaint}")
    page = _PICTURES / "index.html"
    page.write_text(_sheet(stories, looks), "utf-8")
    _say(str(page))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make gallery", description=__doc__)
    parser.add_argument("begins", nargs="?", default="", help="draw stories that begin so")
    parser.add_argument("--look", choices=[look.name for look in LOOKS], help="draw this look only")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the command's own words


def _picture(story: str, look: Look) -> Path:
    return _PICTURES / look.name / f"{story.replace('/', '--')}.png"


def _sheet(stories: list[str], looks: list[Look]) -> str:
    rows = [
        f"<h2>{html.escape(story)}</h2>"
        + "".join(
            f'<img loading="lazy" alt="{look.name}" title="{look.name}" '
            f'src="{_picture(story, look).relative_to(_PICTURES)}">'
            for look in looks
        )
        for story in stories
    ]
    style = "img{max-width:24%;vertical-align:top;border:1px solid #ccc;margin:2px}"
    return f"<!doctype html><meta charset=utf-8><style>{style}</style>{''.join(rows)}"


if __name__ == "__main__":
    main()
