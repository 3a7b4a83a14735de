"""The README is true: every setting, route and command of the code stands in it, and no other.

So is what ``docs`` says and can be looked up: links, targets, benchmarks, settings, tables, keys.
"""

import argparse
import re
from pathlib import Path

import pytest

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.assets import assets_router
from mai_usage_ext.api.broadcast import broadcast_router
from mai_usage_ext.api.frontend import open_frontend
from mai_usage_ext.api.metrics import monitoring_router
from mai_usage_ext.api.own_page import page_router
from mai_usage_ext.api.schemas.my_usage import MyTotalOut
from mai_usage_ext.api.schemas.usage_measures import MeasuresOut
from mai_usage_ext.api.usage import PREFIX, nothing_else_router, usage_router
from mai_usage_ext.cli import _parser
from mai_usage_ext.metering.measures import definitions
from mai_usage_ext.migrations.m0006_partitions import LEDGER
from mai_usage_ext.settings import SETTINGS, Settings
from mai_usage_ext.storage.models import all_models
from tests.benchmarks.__main__ import FULL, names
from tests.reference.definitions_page import NAMES
from tests.reference.pages import PAGES

ROOT = Path(__file__).parent.parent
FRONTEND = open_frontend(Settings.from_env({}))
README = (ROOT / "README.md").read_text("utf-8")
SCALE = (ROOT / "docs" / "scale.md").read_text("utf-8")


def table_below(heading: str) -> list[list[str]]:
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows, f"no table below {heading}"
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows
    ]


def test_settings() -> None:
    documented = [
        (name.strip("`"), default.strip("`"), meaning)
        for name, default, meaning in table_below("Settings")
    ]
    assert documented == [(one.name, one.default or "–", one.meaning) for one in SETTINGS]


def test_contributing_names_files_that_exist() -> None:
    named = set(re.findall(r"\b[\w/]+\.py\b", (ROOT / "CONTRIBUTING.md").read_text()))
    assert named
    places = (ROOT, ROOT / "mai_usage_ext")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


def test_routes() -> None:
    routers = [
        usage_router(lambda: None, verified_user=lambda: None),  # type: ignore[arg-type, return-value]
        admin_router(lambda: None, verified_user=lambda: None),  # type: ignore[arg-type, return-value]
        broadcast_router(lambda: None, secret=None, prefix=PREFIX),  # type: ignore[arg-type, return-value]
        assets_router(FRONTEND, prefix=PREFIX),
        page_router(FRONTEND, prefix=PREFIX),
        monitoring_router(
            lambda: None,  # type: ignore[arg-type, return-value]
            verified_user=lambda: None,
            token=None,
            prefix=PREFIX,
        ),
    ]
    routes = {
        f"{method} {route.path.removeprefix(PREFIX)}"  # type: ignore[attr-defined]
        for router in routers
        for route in router.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    assert {row[0].strip("`") for row in table_below("Routes")} == routes


def test_commands() -> None:
    actions = [
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    documented = {row[0].strip("`").split()[1] for row in table_below("Commands")}
    assert documented == set(actions[0].choices)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_pages_are_those_of_the_code(path: Path) -> None:
    assert path.read_text("utf-8") == PAGES[path](), "run `make reference`"


def test_every_measure_of_a_route_is_defined() -> None:
    admins, members = zip(*NAMES.values(), strict=True)
    assert set(filter(None, admins)) == set(MeasuresOut.model_fields)
    assert set(filter(None, members)) == set(MyTotalOut.model_fields)
    assert NAMES.keys() <= definitions().keys()


def test_everything_below_the_prefix_is_ours() -> None:
    paths = {route.path for route in nothing_else_router(PREFIX).routes}  # type: ignore[attr-defined]
    assert paths == {PREFIX, PREFIX + "/{path:path}"}


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"`[^`\n]*`", "", (ROOT / page).read_text("utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        assert not anchor or anchor in anchors(target.read_text("utf-8")), f"{page}: {link}"


def test_scale_names_targets_and_benchmarks_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = re.findall(r'`make ([a-z-]+)(?: ARGS=(?:"([^"]*)"|(\S+?)))?`', SCALE)
    assert commands
    assert {target for target, *_ in commands} <= targets
    arguments = {word for _, *given in commands for word in " ".join(given).split()}
    assert arguments <= {*names(), FULL}
    assert "dashboard" in arguments


def test_scale_names_settings_that_exist() -> None:
    named = set(re.findall(r"MAI_USAGE_\w+|REDIS_URL", SCALE))
    assert named
    assert named <= {setting.name for setting in SETTINGS}


def test_scale_names_the_keys_of_the_tables() -> None:
    keys = {}
    for model in all_models():
        key = model._meta.primary_key
        keys[model._meta.table_name] = ", ".join(getattr(key, "field_names", None) or [key.name])
    keys[LEDGER.name] = LEDGER.key
    rows = re.findall(r"^\| `(\w+)` \| `([\w, ]+)` \| (.+) \|$", SCALE, re.MULTILINE)
    assert {name: key for name, key, _ in rows} == {name: keys[name] for name, *_ in rows}
    # What lacks the organization cannot be distributed by it as it is.
    for _, key, fate in rows:
        assert ("as it is" in fate) == ("organization_id" in key.split(", "))
