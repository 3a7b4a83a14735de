"""Languages that an operator drops into a folder, one file of JSON for each.

Whoever translates is no programmer, so a file is looked at again whenever it has changed, what is
wrong with it is named with its place, and whatever is right in it holds.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["LocaleFile", "LocaleFolder"]

log = logging.getLogger("mai_usage_ext")

_MOST_BYTES = 1_000_000
_MOST_NAMED = 5
_MOST_OF_A_KEY = 60
# A language, and what narrows it down: de, de-AT, zh-Hant-TW.
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_CATEGORIES = frozenset({"zero", "one", "two", "few", "many", "other"})

Text = str | Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocaleFile:
    """One file: the texts in it that can be used, and a sentence for each thing that is wrong."""

    tag: str
    texts: Mapping[str, Text] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class LocaleFolder:
    """The languages of a folder, or none where no folder is set.

    ``keys`` are the names of our texts: others come from another version, and are left out.
    """

    def __init__(self, folder: Path | None, keys: Set[str]) -> None:
        self._folder = folder
        self._keys = keys
        self._read: dict[Path, tuple[tuple[int, int], LocaleFile]] = {}

    def find(self, tag: str) -> LocaleFile | None:
        """The file of the language, else that of the one it narrows down: de-AT, then de."""
        if not _TAG.fullmatch(tag):
            return None
        paths = {path.stem.lower(): path for path in self._paths()}
        parts = tag.lower().split("-")
        for length in range(len(parts), 0, -1):
            path = paths.get("-".join(parts[:length]))
            if path is not None:
                return self._file(path)
        return None

    def all(self) -> list[LocaleFile]:
        return [self._file(path) for path in self._paths()]

    def problems(self) -> Iterator[str]:
        """What is wrong with the folder and its files, a sentence for each."""
        yield from self._missing()
        for file in self.all():
            yield from file.problems

    def tell(self) -> None:
        """Log what is wrong; a file that changes later tells by itself."""
        for sentence in self._missing():
            log.warning("languages that were dropped in: %s", sentence)
        self.all()

    def _missing(self) -> Iterator[str]:
        if self._folder is not None and not self._folder.is_dir():
            yield f"{self._folder} is no folder that can be read"

    def _paths(self) -> list[Path]:
        if self._folder is None:
            return []
        try:
            return sorted(path for path in self._folder.glob("*.json") if _TAG.fullmatch(path.stem))
        except OSError:
            return []

    def _file(self, path: Path) -> LocaleFile:
        try:
            about = path.stat()
        except OSError:
            return LocaleFile(tag=path.stem)
        version = (about.st_mtime_ns, about.st_size)
        known = self._read.get(path)
        if known is not None and known[0] == version:
            return known[1]
        file = read_locale(path, self._keys)
        self._read[path] = (version, file)
        for sentence in file.problems:
            log.warning("a language that was dropped in: %s", sentence)
        return file


def read_locale(path: Path, keys: Set[str]) -> LocaleFile:
    """Read a file; what cannot be used of it is left out and named."""
    try:
        content = _json(path)
    except ValueError as error:
        return LocaleFile(tag=path.stem, problems=(f"{path}: {error}",))
    known = {key: value for key, value in content.items() if key in keys}
    texts = {key: value for key, value in known.items() if _is_text(value)}
    problems = (
        *_named(path, "these are not texts of ours", set(content) - keys),
        *_named(path, "neither a text nor plural forms with `other`", set(known) - set(texts)),
    )
    return LocaleFile(tag=path.stem, texts=texts, problems=problems)


def _json(path: Path) -> Mapping[str, Any]:
    """The file's object. Raises ``ValueError`` that says what is wrong, and where."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from None
    if len(raw) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES:,} bytes")
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it is no JSON at {place}: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("it holds no object of texts")
    return content


def _is_text(value: object) -> bool:
    if isinstance(value, str):
        return True
    return (
        isinstance(value, dict)
        and "other" in value
        and set(value) <= _CATEGORIES
        and all(isinstance(form, str) for form in value.values())
    )


def _named(path: Path, what: str, keys: Set[str]) -> Iterator[str]:
    if not keys:
        return
    # Whatever a key is made of, it takes one line of a log.
    shown = ", ".join(repr(key[:_MOST_OF_A_KEY]) for key in sorted(keys)[:_MOST_NAMED])
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    yield f"{path}: {what}: {shown}{more}"
