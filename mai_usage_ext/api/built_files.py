"""The built front end: what the manifest lists, what belongs together, what each must hash to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["FRONTEND", "BuiltFiles"]

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"

_PAGE = "page"


class BuiltFiles:
    """The files of one build, as its manifest tells of them; read when they are asked for."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self._folder = folder
        self._entries: Mapping[str, Any] = manifest["entries"]
        self._lazy: Mapping[str, Any] = manifest["lazy"]
        # Each file that a browser may ask for, and its integrity.
        self.hashes: Mapping[str, str] = manifest["files"]
        # What the loader says, by language.
        self.texts: Mapping[str, Mapping[str, str]] = manifest["texts"]

    @classmethod
    def open(cls, folder: Path = FRONTEND) -> "BuiltFiles":
        """Raises an ``OSError`` or ``ValueError`` where nothing was built."""
        return cls(folder, json.loads((folder / "manifest.json").read_bytes()))

    @classmethod
    def nothing(cls) -> "BuiltFiles":
        """What there is when nothing can be read."""
        return cls(FRONTEND, {"entries": {}, "lazy": {}, "files": {}, "texts": {}})

    @property
    def page(self) -> str | None:
        """The script of our own page."""
        return self._entries[_PAGE]["file"] if _PAGE in self._entries else None

    @property
    def elements(self) -> dict[str, str]:
        """The files that define an element, by the name of their module."""
        return {name: entry["file"] for name, entry in self._entries.items() if name != _PAGE}

    def modules(self) -> dict[str, list[tuple[str, str]]]:
        """What each module needs with its integrity, its own file first.

        Files that are loaded later are modules of their own, under the names of their files.
        """
        entries = {name: self._entries[name] for name in self.elements}
        return {
            name: [(file, self.hashes[file]) for file in (module["file"], *module["imports"])]
            for name, module in {**entries, **self._lazy}.items()
        }

    def read(self, name: str) -> bytes:
        """A file of the build; ``name`` is one that we know, never one that was asked for."""
        return (self._folder / name).read_bytes()
