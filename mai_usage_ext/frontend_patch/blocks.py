"""Blocks of lines between marks, put beside lines that are known, and taken out again.

A block is found by its marks alone, so taking out needs no knowledge of the version it was made by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mai_usage_ext.errors import UsageError

__all__ = ["Block", "CannotApply", "added", "is_marked", "removed"]

_BEGIN = "mai-usage: begin"
_END = "mai-usage: end"

_MARKS = {
    "script": (f"// {_BEGIN}", f"// {_END}"),
    "markup": (f"<!-- {_BEGIN} -->", f"<!-- {_END} -->"),
}


class CannotApply(UsageError):
    """The sources are not as expected; the text says which file and what was looked for."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines, indented from the anchor on, that go before or after consecutive lines of the host."""

    anchor: tuple[str, ...]
    """Compared without the white space around them; they stand in the file exactly once."""
    lines: tuple[str, ...]
    kind: Literal["script", "markup"]
    where: Literal["before", "after"] = "before"


def added(file: str, text: str, blocks: Sequence[Block]) -> str:
    """The text with all blocks in it, whatever blocks of ours it had before.

    Raises CannotApply, in the name of ``file``, where an anchor is not there exactly once.
    """
    lines = removed(file, text).split("\n")
    for block in blocks:
        index = _find(file, lines, block.anchor)
        indent = _indent_of(lines[index])
        ending = "\r" if lines[index].endswith("\r") else ""
        if block.where == "after":
            index += len(block.anchor)
        begin, end = _MARKS[block.kind]
        lines[index:index] = [indent + line + ending for line in (begin, *block.lines, end)]
    return "\n".join(lines)


def removed(file: str, text: str) -> str:
    """The text without any block of ours."""
    kept: list[str] = []
    open_since = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not open_since and _BEGIN in line:
            open_since = number
        elif open_since and _END in line:
            open_since = 0
        elif not open_since:
            kept.append(line)
    if open_since:
        raise CannotApply(
            f"{file}: looked for the end of the block that begins in line {open_since}"
        )
    return "".join(kept)


def is_marked(text: str) -> bool:
    return _BEGIN in text


def _find(file: str, lines: Sequence[str], anchor: tuple[str, ...]) -> int:
    bare = [line.strip() for line in lines]
    size = len(anchor)
    found = [i for i in range(len(bare) - size + 1) if tuple(bare[i : i + size]) == anchor]
    if len(found) != 1:
        times = "it is not there" if not found else f"it is there {len(found)} times"
        raise CannotApply(f"{file}: looked for {' ⏎ '.join(anchor)!r} once; {times}")
    return found[0]


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
