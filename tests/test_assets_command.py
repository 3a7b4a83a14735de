"""``mai-usage assets``: what a CDN needs, and nothing that is there already."""

from pathlib import Path

import pytest

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.cli import main

BUILT = BuiltFiles.open()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_file_that_a_browser_asks_for_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cdn" / "usage"
    assert main(["assets", "--to", str(folder)]) == 0
    assert contents(folder) == {name: BUILT.read(name) for name in BUILT.hashes}
    count = len(BUILT.hashes)
    assert capsys.readouterr().out.startswith(f"{folder}: {count} of {count} files written")


def test_what_an_older_version_wrote_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assets", "--to", str(tmp_path)]) == 0
    (tmp_path / "admin-older.js").write_text("// pages that are open still ask for it")
    name = next(iter(BUILT.hashes))
    (tmp_path / name).write_text("// half of a file")
    capsys.readouterr()

    assert main(["assets", "--to", str(tmp_path)]) == 0

    assert f": 1 of {len(BUILT.hashes)} files written" in capsys.readouterr().out
    assert (tmp_path / "admin-older.js").exists()
    assert (tmp_path / name).read_bytes() == BUILT.read(name)


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["assets", "--to", str(tmp_path / "file")]) == 2
    assert "--to is" in capsys.readouterr().err
    assert main(["assets", "--to", str(tmp_path / "file" / "below")]) == 2


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / next(iter(BUILT.hashes))).mkdir()
    assert main(["assets", "--to", str(tmp_path)]) == 1
    assert "could not be written" in capsys.readouterr().err


def test_without_a_folder_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["assets"])
    assert ended.value.code == 2
    assert "--to" in capsys.readouterr().err
