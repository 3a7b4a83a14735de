"""The built front end in the package is what its sources build to, and no larger than it may be."""

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mai_usage_ext.api.built_files import BuiltFiles

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "svelte_components"
BUILT = ROOT / "mai_usage_ext" / "frontend"
MODULES = BuiltFiles.open().modules()

MOST_BYTES = 150_000


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def closure(module: str) -> set[str]:
    """All files that come at once when a module is loaded."""
    return {name for name, _hash in MODULES[module]}


def packed(names: set[str]) -> int:
    return sum(len(gzip.compress((BUILT / name).read_bytes(), mtime=0)) for name in names)


def test_the_committed_bundle_is_current(tmp_path: Path) -> None:
    # Built in another place, because where a checkout lies must not show in what it builds.
    copy = tmp_path / "elsewhere" / "svelte_components"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(SOURCES / "node_modules")
    done = subprocess.run(
        ["npx", "--no-install", "vite", "build", "--outDir", str(tmp_path / "built")],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(tmp_path / "built") == contents(BUILT), "run `make build` and commit the result"


def test_nothing_lies_about_that_no_page_asks_for() -> None:
    beside = {"loader.js", "manifest.json", "texts.en.json", "licenses.md"}
    assert set(contents(BUILT)) == set(BuiltFiles.open().hashes) | beside


def test_a_module_needs_nothing_that_is_not_listed_with_it() -> None:
    for module, files in MODULES.items():
        names = [name for name, _hash in files]
        for name in names:
            source = (BUILT / name).read_text("utf-8")
            imported = set(re.findall(r"""(?:from|import)\s*["'`]\./([^"'`]+)["'`]""", source))
            assert imported <= set(names), f"{name} of {module}"
            # What is loaded later goes through the check of its hash, and is known to it.
            later = set(
                re.findall(r"new URL\([`'\"]\./([^`'\"]+)[`'\"],import\.meta\.url\)", source)
            )
            assert later <= set(MODULES), name
            assert not re.search(r"\bimport\(\s*[`'\"]", source), name


def test_members_load_nothing_of_the_admins() -> None:
    members = closure("organization-usage")
    assert BuiltFiles.open().elements["admin"] not in members
    english = SOURCES / "src" / "locale" / "en"
    admins_texts = (english / "admin.json", english / "organizations.json")
    keys = [key for file in admins_texts for key in json.loads(file.read_text("utf-8"))]
    assert keys
    for name in members:
        source = (BUILT / name).read_text("utf-8")
        assert "mai-usage-admin" not in source, name
        assert [key for key in keys if key in source] == [], name


@pytest.mark.parametrize("module", ["organization-usage", "admin"])
def test_a_module_stays_small(module: str, record_property: Callable[[str, object], None]) -> None:
    shared = closure("organization-usage") if module == "admin" else set()
    size = packed(closure(module) - shared)
    record_property("bytes by gzip", size)
    assert size <= MOST_BYTES


def test_the_loader_stays_small(record_property: Callable[[str, object], None]) -> None:
    size = packed({"loader.js"})
    record_property("bytes by gzip", size)
    # Every page of the host brings it, whoever reads it.
    assert size <= 10_000
