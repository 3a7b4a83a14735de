"""Looking for secrets in everything that came out of a run, and in what its objects say."""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peewee import Database

from mai_usage_ext.storage.sessions import session

__all__ = ["Evidence", "cells_of", "files_beside", "sayings_of"]

# A piece of a secret this long is no accident; a masked label shows fewer characters of it.
_PIECE, _STEP = 16, 8
_MOST_OBJECTS = 50_000


@dataclass
class Evidence:
    """Texts by the place where they came out."""

    texts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: str, text: object) -> None:
        self.texts.append((place, text if isinstance(text, str) else repr(text)))

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Places that tell a secret or a good part of one, each with what stands around it."""
        pieces = {piece for secret in secrets for piece in _pieces(secret)}
        return [
            f"{place}: …{text[max(0, at - 60) : at + _PIECE + 20]}…"
            for place, text in self.texts
            for piece in sorted(pieces)
            if (at := text.find(piece)) >= 0
        ]

    def places_of(self, secret: str) -> set[str]:
        """The first words of the places that tell this one."""
        return {leak.partition(" ")[0].rstrip(":") for leak in self.leaks([secret])}


def _pieces(secret: str) -> Iterator[str]:
    assert len(secret) >= _PIECE + _STEP
    for start in range(0, len(secret) - _PIECE + 1, _STEP):
        yield secret[start : start + _PIECE]


def cells_of(database: Database) -> Iterator[tuple[str, str]]:
    """Every table, with all its cells as text."""
    run: Any = database.execute_sql
    with session(database):
        for name in sorted(database.get_tables()):
            rows = run(f'SELECT * FROM "{name}"').fetchall()
            yield name, "\n".join(_text(cell) for row in rows for cell in row)


def _text(cell: object) -> str:
    # Bytes as they are, since their repr would break up what is not ASCII.
    return bytes(cell).decode("latin-1") if isinstance(cell, bytes | memoryview) else str(cell)


def files_beside(folder: Path) -> Iterator[tuple[str, str]]:
    """The raw bytes of every database file: what was deleted or replaced may still be there."""
    for path in sorted(folder.rglob("*.db*")):
        yield path.name, path.read_bytes().decode("latin-1")


def sayings_of(*roots: object) -> Iterator[tuple[str, str]]:
    """What every object of ours that can be reached from the roots says of itself."""
    seen: dict[int, object] = {}
    waiting = deque(roots)
    while waiting:
        thing = waiting.popleft()
        if id(thing) in seen:
            continue
        # Kept, so that no later object gets the same id.
        seen[id(thing)] = thing
        assert len(seen) < _MOST_OBJECTS
        if _is_ours(thing):
            yield type(thing).__qualname__, f"{thing!r}\n{thing}"
        waiting.extend(_children(thing))


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.partition(".")[0] == "mai_usage_ext"


def _children(thing: object) -> Iterable[object]:
    if isinstance(thing, dict):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return list(thing)
    if isinstance(thing, types.MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, types.FunctionType):
        return [*_contents(thing), *(thing.__defaults__ or ()), thing.__kwdefaults__]
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    return _fields(thing) if _is_ours(thing) else ()


def _contents(function: types.FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            # Nothing has been put into it yet.
            continue


def _fields(thing: object) -> list[object]:
    slots = {name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())}
    found = [getattr(thing, name) for name in slots if hasattr(thing, name)]
    return [*found, *vars(thing).values()] if hasattr(thing, "__dict__") else found
