"""The public names: sorted, complete, and nothing beside them."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from types import GenericAlias, ModuleType

import pytest

import mai_usage_ext
from tests.workshop.imports import modules_of
from tests.workshop.shell import ROOT

# Importing these starts something: the host, or a program.
PROGRAMS = {"mai_usage_ext.asgi", "mai_usage_ext.__main__", "mai_usage_ext.simulator.__main__"}

PACKAGES = [
    module
    for module, path in modules_of(ROOT / "mai_usage_ext")
    if path.name == "__init__.py" and module not in PROGRAMS
]


def public_names(module: ModuleType) -> set[str]:
    """What a reader would take for ours: no leading underscore, no module, nothing of Python's."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and (
            # An alias such as ``Mapping[str, object]`` is ours, though its module is Python's.
            isinstance(value, GenericAlias)
            or str(getattr(value, "__module__", "")).split(".")[0] not in sys.stdlib_module_names
        )
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_and_holds_every_public_name(package: str) -> None:
    module = importlib.import_module(package)
    if not hasattr(module, "__all__"):
        assert public_names(module) == set()
        return
    listed = list(module.__all__)
    assert listed == sorted(set(listed), key=lambda name: (not name.isupper(), name))
    assert [name for name in listed if not hasattr(module, name)] == []
    submodules = {name for name in listed if isinstance(getattr(module, name), ModuleType)}
    dunders = {name for name in listed if name.startswith("__")}
    assert set(listed) - submodules - dunders == public_names(module)


def test_the_package_exports_what_its_users_need() -> None:
    assert {"Settings", "UsageError", "__version__", "install", "uninstall"} <= set(
        mai_usage_ext.__all__
    )


def test_every_exported_error_is_a_usage_error() -> None:
    errors = [
        value
        for value in (getattr(mai_usage_ext, name) for name in mai_usage_ext.__all__)
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert errors
    assert all(issubclass(error, mai_usage_ext.UsageError) for error in errors)


def test_the_version_is_the_installed_one() -> None:
    assert mai_usage_ext.__version__ == version("mai-usage-ext")
