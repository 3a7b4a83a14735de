"""A fork's sources: how far our lines are in them, and changing all of the files or none."""

import enum
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from mai_usage_ext.errors import BadInput
from mai_usage_ext.frontend_patch.blocks import CannotApply, added, is_marked, removed
from mai_usage_ext.frontend_patch.recipes import Recipe

__all__ = ["State", "Tree", "version_of"]

# By name, the file that is to take its place; None where it is to go.
_Staged: TypeAlias = dict[str, Path | None]


class State(enum.Enum):
    CURRENT = "applied and up to date"
    OUTDATED = "applied by another version of mai_usage_ext; --apply renews it"
    ABSENT = "not applied"


def version_of(root: Path) -> str:
    """What the ``package.json`` of a front end calls its version."""
    file = root / "package.json"
    try:
        package = json.loads(file.read_bytes())
        return str(package["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected = "the package.json of a front end, with its version"
        raise BadInput("PATH", got=str(file), expected=f"{expected} ({error})") from None


class Tree:
    """The files below ``root`` that one version's recipe changes or makes."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self._root = root
        self._recipe = recipe

    def state(self) -> State:
        """Raises CannotApply where the recipe does not fit the files."""
        present = self._present()
        if present == self._patched():
            return State.CURRENT
        texts = [text for name, text in present.items() if name in self._recipe.edits]
        marked = any(is_marked(text) for text in texts if text is not None)
        made = any(present[name] is not None for name in self._recipe.files)
        return State.OUTDATED if marked or made else State.ABSENT

    def apply(self) -> bool:
        """Whether anything had to change."""
        return self._change(self._patched())

    def revert(self) -> bool:
        """Whether there was anything to take out."""
        reverted: dict[str, str | None] = dict.fromkeys(self._recipe.files)
        for name in self._recipe.edits:
            reverted[name] = removed(name, self._read(name))
        return self._change(reverted)

    def _patched(self) -> dict[str, str | None]:
        patched: dict[str, str | None] = {
            name: added(name, self._read(name), blocks)
            for name, blocks in self._recipe.edits.items()
        }
        ending = "\r\n" if any("\r\n" in (text or "") for text in patched.values()) else "\n"
        for name, text in self._recipe.files.items():
            patched[name] = text.replace("\n", ending)
        return patched

    def _present(self) -> dict[str, str | None]:
        present: dict[str, str | None] = {name: self._read(name) for name in self._recipe.edits}
        for name in self._recipe.files:
            present[name] = self._read(name) if (self._root / name).exists() else None
        return present

    def _read(self, name: str) -> str:
        try:
            return (self._root / name).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CannotApply(f"{name}: looked for a file of the front end ({error})") from None

    def _change(self, wanted: Mapping[str, str | None]) -> bool:
        before = self._present()
        changes = {name: text for name, text in wanted.items() if text != before[name]}
        done: list[str] = []
        staged: _Staged = {}
        try:
            staged = self._staged(changes)
            for name, path in staged.items():
                _put(self._root / name, path)
                done.append(name)
        except OSError as error:
            for name, path in self._staged({name: before[name] for name in done}).items():
                _put(self._root / name, path)
            raise CannotApply(f"nothing was changed: {error}") from None
        finally:
            _clear(staged)
        return bool(changes)

    def _staged(self, texts: Mapping[str, str | None]) -> _Staged:
        """Writes what is to come beside what is there."""
        staged: _Staged = {}
        try:
            for name, text in texts.items():
                staged[name] = None if text is None else _stage(self._root / name, text)
        except OSError:
            _clear(staged)
            raise
        return staged


def _clear(staged: _Staged) -> None:
    """What was put in its place is not there any more."""
    for path in staged.values():
        if path is not None:
            path.unlink(missing_ok=True)


def _stage(target: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8"))
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    path = Path(name)
    path.chmod(mode)
    return path


def _put(target: Path, staged: Path | None) -> None:
    if staged is None:
        target.unlink(missing_ok=True)
    else:
        staged.replace(target)
