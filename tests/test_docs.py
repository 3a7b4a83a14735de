"""The README is true: every setting, route and command of the code stands in it, and no other."""

import argparse
import re
from pathlib import Path

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.assets import assets_router
from mai_usage_ext.api.usage import PREFIX, nothing_else_router, usage_router
from mai_usage_ext.cli import _parser
from mai_usage_ext.settings import SETTINGS

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def table_below(heading: str) -> list[list[str]]:
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows, f"no table below {heading}"
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows
    ]


def test_settings() -> None:
    documented = [tuple(cell.strip("`") for cell in row[:2]) for row in table_below("Settings")]
    assert documented == [(setting.name, setting.default or "–") for setting in SETTINGS]


def test_routes() -> None:
    routers = [
        usage_router(lambda: None, verified_user=lambda: None),  # type: ignore[arg-type, return-value]
        admin_router(lambda: None, verified_user=lambda: None),  # type: ignore[arg-type, return-value]
        assets_router(PREFIX),
    ]
    routes = {
        f"{method} {route.path.removeprefix(PREFIX)}"  # type: ignore[attr-defined]
        for router in routers
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert {row[0].strip("`") for row in table_below("Routes")} == routes


def test_commands() -> None:
    actions = [
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    documented = {row[0].strip("`").split()[1] for row in table_below("Commands")}
    assert documented == set(actions[0].choices)


def test_everything_below_the_prefix_is_ours() -> None:
    paths = {route.path for route in nothing_else_router(PREFIX).routes}  # type: ignore[attr-defined]
    assert paths == {PREFIX, PREFIX + "/{path:path}"}
