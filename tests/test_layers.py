"""The walls of the house: imports point down, and each foreign name lives in one folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.workshop.imports import imported_by, modules_of
from tests.workshop.shell import ROOT

PACKAGE = "mai_usage_ext"

# Each line may import the lines below it, never its own neighbours and never upwards. The package
# itself (its public names) stands as "mai_usage_ext".
LEVELS = (
    ("cli", "asgi"),
    (
        "assets_command",
        "debug_commands",
        "demo",
        "doctor",
        "export_command",
        "frontend_patch",
        "statement_command",
    ),
    (PACKAGE,),
    ("maintenance",),
    ("bootstrap",),
    (
        "host",
        "api",
        "channels",
        "exports",
        "jobs",
        "openrouter",
        "papers",
        "rates",
        "sharing",
        "storage",
        "simulator",
        "telemetry",
    ),
    ("services",),
    ("ports",),
    ("settings",),
    ("metering",),
    ("errors", "guard", "version"),
)

# Who may import what we did not write. The simulator and the demo are programs of their own, so
# they speak HTTP themselves, and the demo reads the ledger as an outsider would.
FOREIGN: Mapping[str, frozenset[str]] = {
    "aiohttp": frozenset({"host", "openrouter", "channels", "simulator", "demo", "rates"}),
    "brotli": frozenset({"host", "api"}),
    "brotlicffi": frozenset({"host"}),
    "cryptography": frozenset({"storage", "openrouter"}),
    "fastapi": frozenset({"api"}),
    "fpdf": frozenset({"papers"}),
    "httpx": frozenset({"host"}),
    "limits": frozenset({"api"}),
    "multidict": frozenset({"host", "openrouter", "simulator", "demo"}),
    "open_webui": frozenset({"host"}),
    "opentelemetry": frozenset({"telemetry"}),
    "prometheus_client": frozenset({"telemetry"}),
    "peewee": frozenset({"storage", "migrations"}),
    "playhouse": frozenset({"storage", "migrations"}),
    "psycopg": frozenset({"storage", "migrations"}),
    "pyarrow": frozenset({"exports"}),
    "pydantic": frozenset({"settings", "api"}),
    "redis": frozenset({"sharing"}),
    "requests": frozenset({"host"}),
    "schedule": frozenset({"jobs"}),
    "socketio": frozenset({"demo"}),
    "sqlite3": frozenset({"storage", "migrations", "demo"}),
    "standardwebhooks": frozenset({"channels"}),
    "starlette": frozenset({"api"}),
    "urllib3": frozenset({"host"}),
    "uvicorn": frozenset({"host"}),
    "yarl": frozenset({"host", "openrouter", "channels", "simulator", "demo"}),
    "xlsxwriter": frozenset({"exports"}),
    "zstandard": frozenset({"host"}),
}


def level_of(part: str) -> int:
    """The index in LEVELS; a part that stands in none is an error of this table."""
    for index, names in enumerate(LEVELS):
        if part in names:
            return index
    raise AssertionError(f"{part} stands on no level: add it to LEVELS and to CONTRIBUTING.md")


def part_of(module: str) -> str:
    """The first name below the package, which is a folder or a file: storage, cli, migrations."""
    names = module.split(".")
    return names[1] if len(names) > 1 else names[0]


def known_parts() -> frozenset[str]:
    return frozenset(part_of(module) for module, _ in modules_of(ROOT / PACKAGE))


def upward(module: str, imports: Iterable[str], parts: frozenset[str]) -> list[str]:
    """The imports that break the arrows, each as "this → that"."""
    here = part_of(module)
    broken: set[str] = set()
    for name in imports:
        if name.split(".")[0] != PACKAGE:
            continue
        there = part_of(name)
        if there not in parts:
            # A name out of the package itself, such as mai_usage_ext.install.
            there = PACKAGE
        elif there == PACKAGE and any(other.startswith(f"{PACKAGE}.") for other in imports):
            # `from mai_usage_ext import storage` names the package on the way to its part.
            continue
        if there != here and level_of(there) <= level_of(here):
            broken.add(f"{module} → {there}")
    return sorted(broken)


def misplaced(part: str, imports: Iterable[str]) -> list[str]:
    """The foreign names that this part may not import, or that nobody has allowed yet."""
    roots = {name.split(".")[0] for name in imports}
    ours = {PACKAGE, "migrations", "__future__"}
    known = {name: FOREIGN.get(name, frozenset()) for name in roots - ours}
    return sorted(
        name
        for name, allowed in known.items()
        if part not in allowed and (name in FOREIGN or name not in sys.stdlib_module_names)
    )


def read(module: str, path: Path) -> set[str]:
    return imported_by(path.read_text(), module=module, is_package=path.name == "__init__.py")


SOURCES = [
    *modules_of(ROOT / PACKAGE),
    *modules_of(ROOT / "migrations"),
]


@pytest.mark.parametrize(("module", "path"), SOURCES, ids=[module for module, _ in SOURCES])
def test_imports_point_down(module: str, path: Path) -> None:
    if module.startswith("migrations"):
        # A migration is frozen and must not follow the code as it changes; it may only tell the
        # migrator, by its error, that something did not survive.
        ours = {part_of(name) for name in read(module, path) if name.split(".")[0] == PACKAGE}
        assert ours <= {"errors"}
    else:
        assert upward(module, read(module, path), known_parts()) == []


@pytest.mark.parametrize(("module", "path"), SOURCES, ids=[module for module, _ in SOURCES])
def test_each_foreign_name_lives_in_its_folder(module: str, path: Path) -> None:
    part = "migrations" if module.startswith("migrations") else part_of(module)
    assert misplaced(part, read(module, path)) == []


def test_every_part_stands_on_a_level_and_every_level_exists() -> None:
    assert {name for names in LEVELS for name in names} == known_parts()


PARTS = frozenset(name for names in LEVELS for name in names)


def broken_by(source: str, module: str) -> list[str]:
    return upward(module, imported_by(source, module=module), PARTS)


@pytest.mark.parametrize(
    "source",
    [
        "import mai_usage_ext.api.usage",
        "from mai_usage_ext.host import outbound",
        "from mai_usage_ext import bootstrap",
        "from mai_usage_ext import install",
        "import mai_usage_ext",
        "from ..jobs import thread",
        "def late():\n    from mai_usage_ext.jobs.thread import JobThread",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mai_usage_ext.openrouter",
        "import importlib\nimportlib.import_module('mai_usage_ext.host')",
    ],
)
def test_the_checker_sees_an_arrow_that_points_up_or_sideways(source: str) -> None:
    assert len(broken_by(source, "mai_usage_ext.storage.models")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from mai_usage_ext.services import recording",
        "from mai_usage_ext.storage.database import Connection",
        "from . import database",
        "from mai_usage_ext import errors",
        "import json",
    ],
)
def test_the_checker_lets_pass_what_points_down_or_stays_inside(source: str) -> None:
    assert broken_by(source, "mai_usage_ext.storage.models") == []


@pytest.mark.parametrize(
    ("part", "source", "name"),
    [
        ("services", "import peewee", "peewee"),
        ("api", "def late():\n    from open_webui.models import users", "open_webui"),
        ("api", "import importlib\nimportlib.import_module('open_webui.env')", "open_webui"),
        ("storage", "from fastapi import Depends", "fastapi"),
        ("metering", "import sqlite3", "sqlite3"),
        ("storage", "import pandas", "pandas"),
    ],
)
def test_the_checker_sees_a_foreign_name_in_the_wrong_folder(
    part: str, source: str, name: str
) -> None:
    assert misplaced(part, imported_by(source, module=f"{PACKAGE}.{part}.sample")) == [name]
