"""``mai-usage frontend-patch``: what it writes, what it refuses, and how it is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from mai_usage_ext.cli import main
from mai_usage_ext.frontend_patch.recipes import RECIPES
from tests.frontend_patch.sources import (
    ADMIN_PAGE,
    DIALOG,
    EXCERPTS,
    read_sources,
    sources_of,
    write_sources,
)
from tests.workshop.hosts import NEWEST, OLDEST, Host

VERSIONS = sorted(RECIPES)


def patch(root: Path, *options: str) -> int:
    return main(["frontend-patch", str(root), *options])


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def fork(tmp_path: Path, version: str) -> Path:
    return write_sources(tmp_path, version, EXCERPTS[version])


def test_applied_once_and_taken_back(fork: Path) -> None:
    before = read_sources(fork)
    assert patch(fork) == 1
    assert read_sources(fork) == before

    assert patch(fork, "--apply") == 0
    applied = read_sources(fork)
    assert patch(fork, "--check") == 0
    assert patch(fork, "--apply") == 0
    assert read_sources(fork) == applied

    assert patch(fork, "--revert") == 0
    assert read_sources(fork) == before
    assert patch(fork, "--revert") == 0
    assert patch(fork, "--check") == 1


def test_what_stands_in_the_sources_then(fork: Path, version: str) -> None:
    patch(fork, "--apply")
    dialog = (fork / DIALOG).read_text()
    # The mark by which the loader knows that there is a tab already.
    assert dialog.count('data-mai-usage="organization-usage"') == 1
    personal, admin = (fork / name for name in RECIPES[version].files)
    assert "<mai-organization-usage>" in personal.read_text()
    assert "/client_organizations/ui/modules/organization-usage.js" in personal.read_text()
    assert "<mai-usage-admin>" in admin.read_text()


def test_line_endings_stay(tmp_path: Path, version: str) -> None:
    fork = write_sources(tmp_path, version, EXCERPTS[version], ending="\r\n")
    before = read_sources(fork)
    assert patch(fork, "--apply") == 0
    for name, content in read_sources(fork).items():
        if name != "package.json":
            assert content.count(b"\r\n") == content.count(b"\n"), name
    assert patch(fork, "--check") == 0
    assert patch(fork, "--revert") == 0
    assert read_sources(fork) == before


def test_lines_of_an_older_version_are_renewed(
    fork: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patch(fork, "--apply")
    applied = read_sources(fork)
    dialog = fork / DIALOG
    dialog.write_text(dialog.read_text().replace('data-mai-usage="', 'data-mai-old="'))
    capsys.readouterr()
    assert patch(fork, "--check") == 1
    assert "--apply renews it" in capsys.readouterr().out
    assert patch(fork, "--apply") == 0
    assert read_sources(fork) == applied


def test_a_line_that_is_not_there_stops_all(
    fork: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = [*EXCERPTS[version]][-1]
    (fork / name).write_text((fork / name).read_text().replace("'db'}", "'database'}"))
    before = read_sources(fork)
    for option in ("--check", "--apply"):
        assert patch(fork, option) == 2
        told = capsys.readouterr().err
        assert name in told
        assert "'db'}" in told
        assert "it is not there" in told
    assert read_sources(fork) == before


def test_a_line_that_is_there_twice_stops_all(
    fork: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dialog = fork / DIALOG
    dialog.write_text(dialog.read_text() * 2)
    assert patch(fork, "--apply") == 2
    assert "2 times" in capsys.readouterr().err


def test_a_block_without_its_end_stops_all(fork: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dialog = fork / DIALOG
    dialog.write_text(dialog.read_text() + "<!-- mai-usage: begin -->\n")
    for option in ("--check", "--apply", "--revert"):
        assert patch(fork, option) == 2
        assert "looked for the end of the block" in capsys.readouterr().err


def test_a_file_that_is_missing_stops_all(fork: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fork / DIALOG).unlink()
    assert patch(fork, "--check") == 2
    assert f"{DIALOG}: looked for a file of the front end" in capsys.readouterr().err


def test_what_cannot_be_written_leaves_all_as_it_was(
    fork: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_sources(fork)
    replace, calls = Path.replace, 0

    def failing(source: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("the disk is full")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", failing)
    assert patch(fork, "--apply") == 2
    assert "nothing was changed: the disk is full" in capsys.readouterr().err
    assert read_sources(fork) == before


def test_an_unknown_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fork = write_sources(tmp_path, "0.12.4", EXCERPTS["0.12.4"])
    (fork / "package.json").write_text('{"name": "a-fork", "version": "7.0.0"}')
    before = read_sources(fork)
    assert patch(fork, "--apply") == 2
    told = capsys.readouterr().err
    assert "7.0.0" in told
    assert "0.6.17, 0.6.18, 0.12.4" in told
    assert read_sources(fork) == before

    assert patch(fork, "--apply", "--made-from", "0.12.4") == 0
    assert patch(fork, "--check", "--made-from", "0.12.4") == 0
    assert patch(fork, "--made-from", "0.5") == 2


@pytest.mark.parametrize("content", [None, "no json", "{}", "[]"])
def test_a_folder_that_is_no_front_end_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        (tmp_path / "package.json").write_text(content)
    assert patch(tmp_path) == 2
    assert "package.json" in capsys.readouterr().err


@pytest.mark.parametrize("host", [NEWEST, OLDEST], ids=lambda host: host.version)
def test_on_the_hosts_own_sources(tmp_path: Path, host: Host) -> None:
    names = set(RECIPES[host.version].edits)
    sources = sources_of(host, names)
    assert set(sources) == names
    fork = write_sources(tmp_path, host.version, sources)
    before = read_sources(fork)
    assert patch(fork, "--apply") == 0
    assert patch(fork, "--check") == 0
    assert patch(fork, "--revert") == 0
    assert read_sources(fork) == before


def test_the_admins_page_of_older_hosts_is_marked_too(tmp_path: Path) -> None:
    fork = write_sources(tmp_path, "0.6.18", EXCERPTS["0.6.18"])
    patch(fork, "--apply")
    assert (fork / ADMIN_PAGE).read_text().count('data-mai-usage="admin"') == 1
