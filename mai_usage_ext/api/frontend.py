"""What a browser gets of us: the built files, where they are, and the languages there are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.api.content import Content
from mai_usage_ext.api.locale_files import LocaleFolder
from mai_usage_ext.guard import shielded
from mai_usage_ext.settings import Settings

__all__ = ["TYPES", "Frontend", "as_literal", "locale_folder", "open_frontend"]

TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}

_PLACEHOLDER = "__MAI_USAGE_CONFIG__"
_LOADER = "loader.js"
_TEMPLATE = "texts.en.json"
_ENGLISH = "en"
_LOADERS_OWN = "loader."


class Frontend:
    """The front end as one installation serves it.

    ``asset_url`` is where its files are fetched from, with a slash at its end; without one they
    come from the host itself.
    """

    def __init__(
        self, built: BuiltFiles, locales: LocaleFolder, *, asset_url: str | None = None
    ) -> None:
        self._built = built
        self._locales = locales
        self._assets: dict[str, Content] = {}
        self.asset_url = asset_url

    @property
    def page_script(self) -> str | None:
        return self._built.page

    def hash_of(self, name: str) -> str:
        return self._built.hashes[name]

    def entry_of(self, module: str) -> str | None:
        """The file that defines an element."""
        return self._built.elements.get(module)

    def asset(self, name: str) -> Content | None:
        """A file that the manifest lists; its name carries a hash of what is in it."""
        if name not in self._built.hashes:
            return None
        content = self._assets.get(name)
        if content is None:
            content = self._assets[name] = Content(self._built.read(name), TYPES[Path(name).suffix])
        return content

    def config(self, prefix: str) -> dict[str, Any]:
        """What whoever loads the modules has to know."""
        return {
            "base": self.asset_url or f"{prefix}/ui/assets/",
            "page": f"{prefix}/ui/",
            "modules": self._built.modules(),
            "texts": self._loader_texts(),
        }

    def loader(self, prefix: str) -> str:
        """Our loader with its configuration filled in."""
        source = self._built.read(_LOADER).decode()
        return source.replace(_PLACEHOLDER, as_literal(self.config(prefix)))

    def texts(self, tag: str) -> bytes:
        """The texts of a language as JSON: an operator's, else ours in English for a translator."""
        file = self._locales.find(tag)
        if file is not None:
            return json.dumps(file.texts).encode()
        return self._built.read(_TEMPLATE) if tag.lower() == _ENGLISH else b"{}"

    def _loader_texts(self) -> Mapping[str, Mapping[str, Any]]:
        """Ours, and before them what the operator says in the same language."""
        dropped = {
            file.tag: {
                key: text
                for key, text in file.texts.items()
                if key.startswith(_LOADERS_OWN) and isinstance(text, str)
            }
            for file in self._locales.all()
        }
        return {**self._built.texts, **{tag: texts for tag, texts in dropped.items() if texts}}


def open_frontend(settings: Settings) -> Frontend:
    """The front end of the package; where it cannot be read, the host goes on without it."""
    built = BuiltFiles.nothing()
    with shielded("reading the built components"):
        built = BuiltFiles.open()
    locales = locale_folder(settings, built)
    with shielded("reading the languages that were dropped in"):
        locales.tell()
    return Frontend(built, locales, asset_url=settings.asset_url)


def locale_folder(settings: Settings, built: BuiltFiles) -> LocaleFolder:
    """The operator's languages, held against the names of our own texts."""
    keys: frozenset[str] = frozenset()
    with shielded("reading the texts of the built components"):
        keys = frozenset(json.loads(built.read(_TEMPLATE)))
    return LocaleFolder(settings.locales_dir, keys)


def as_literal(value: object) -> str:
    """JSON that is a value of JavaScript too, and ends neither a script nor a comment in HTML."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
