"""What a source file imports, wherever in the file it does so, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# These import by a name that is a string.
_BY_NAME = {"import_module", "find_spec", "__import__"}


def modules_of(package: Path) -> Iterator[tuple[str, Path]]:
    """Every module of a package folder by its dotted name, beginning with the folder's own."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported_by(source: str, *, module: str, is_package: bool = False) -> set[str]:
    """The dotted names that a module's source imports.

    Counted are imports at the top, in functions and under `if TYPE_CHECKING`, relative ones made
    absolute, and `import_module("…")`. `from a.b import c` gives both a.b and a.b.c, because c
    may be a module.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node.func) in _BY_NAME and node.args:
            found.update(_literal(node.args[0]))
    return found


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literal(argument: ast.expr) -> list[str]:
    is_text = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    return [str(argument.value)] if is_text and isinstance(argument, ast.Constant) else []
