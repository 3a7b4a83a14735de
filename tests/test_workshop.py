"""The workshop: the targets are listed, the gate is `make test`, and bad machines are told so."""

from __future__ import annotations

import configparser
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg
import pytest

from tests.workshop import chromium, memory, stamps, toolchain
from tests.workshop.hosts import NEWEST, OLDEST, slim
from tests.workshop.imports import modules_of
from tests.workshop.postgres import running_postgres
from tests.workshop.shell import ROOT, WorkshopError, output_of, run

INSTALL = ROOT / "tests" / "workshop" / "install.py"


def executable(path: Path, script: str) -> Path:
    """A shell script that stands for a program."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def install(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    """The installer as a user starts it, with only one folder on PATH."""
    return subprocess.run(
        [sys.executable, INSTALL, *arguments],
        env={"PATH": str(path), "HOME": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_make_without_a_target_lists_every_target() -> None:
    # The suite may itself run under make, whose settings would add lines of their own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    listed = subprocess.run(
        ["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, flags=re.MULTILINE))
    assert {line.split()[0] for line in listed.splitlines()} == targets
    assert {"demo", "test", "lint", "bench", "build"} <= targets
    assert all(len(line.split(maxsplit=1)) == 2 for line in listed.splitlines())


def test_the_gate_calls_make_test() -> None:
    gate = ROOT / ".ci" / "run"
    lines = gate.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1] == "exec make test"
    assert gate.stat().st_mode & 0o111


def test_every_package_folder_is_shipped() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    shipped = set(setup["options"]["packages"].split())
    packages = {
        module for module, path in modules_of(ROOT / "mai_usage_ext") if path.name == "__init__.py"
    }
    assert shipped == packages | {"mai_usage_ext.migrations"}


def test_another_python_is_refused_by_name_and_version(tmp_path: Path) -> None:
    old = executable(tmp_path / "python3", f"echo 3 9 {tmp_path}/python3")
    done = install("--python", str(old), path=tmp_path)
    assert done.returncode == 1
    assert "Python 3.11 or 3.12 is needed" in done.stderr
    assert f"{old} (3.9)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_that_does_not_start_is_told(tmp_path: Path) -> None:
    done = install("--python", str(tmp_path / "nowhere"), path=tmp_path)
    assert done.returncode == 1
    assert "nowhere (does not start)" in done.stderr


def test_a_missing_node_is_told(tmp_path: Path) -> None:
    done = install(path=tmp_path)
    assert done.returncode == 1
    assert "Node 20.19 or newer is needed, and no `node` is on PATH" in done.stderr


@pytest.mark.parametrize("version", ["v18.20.4", "v20.18.3", "nonsense"])
def test_an_old_node_is_told(tmp_path: Path, version: str) -> None:
    executable(tmp_path / "node", f"echo {version}")
    done = install(path=tmp_path)
    assert done.returncode == 1
    assert f"`node --version` says {version}" in done.stderr


def test_a_missing_npm_is_told(tmp_path: Path) -> None:
    executable(tmp_path / "node", "echo v22.1.0")
    done = install(path=tmp_path)
    assert done.returncode == 1
    assert "`npm` is not on PATH" in done.stderr


def test_an_unknown_part_is_told_with_those_there_are(tmp_path: Path) -> None:
    done = install("browser", path=tmp_path)
    assert done.returncode == 2
    assert "unknown part 'browser'" in done.stderr
    assert "oldest-host" in done.stderr


def test_this_machine_passes() -> None:
    assert output_of([toolchain.find_python(), "-c", "print(1)"]) == "1"
    assert re.match(r"\d+\.\d+", toolchain.find_node())


def test_a_failing_command_tells_the_end_of_its_output() -> None:
    with pytest.raises(WorkshopError, match=r"failed \(3\)[\s\S]*no such package"):
        run(["/bin/sh", "-c", "echo no such package; exit 3"])


def test_slim_leaves_out_by_name_and_keeps_pins_and_markers() -> None:
    requirements = [
        "Azure_Identity==1.0",
        "httpx[http2]==0.28.1",
        "moto[s3]>=5; extra == 'all'",
        "uvloop; sys_platform != 'win32'",
    ]
    assert slim(requirements, ["azure-*"]) == [
        "httpx[http2]==0.28.1",
        "uvloop; sys_platform != 'win32'",
    ]


def test_both_hosts_start_without_asking_anybody() -> None:
    for host in (NEWEST, OLDEST):
        environment = host.slim_environment()
        assert environment["OFFLINE_MODE"] == "true"
        assert environment["FROM_INIT_PY"] == "true"


def test_a_stamp_follows_its_inputs(tmp_path: Path) -> None:
    source = tmp_path / "setup.cfg"
    source.write_text("a")
    before = stamps.digest(files=[source], words=["host"])
    assert not stamps.is_current(tmp_path, before)
    stamps.put(tmp_path, before)
    assert stamps.is_current(tmp_path, before)
    source.write_text("b")
    assert not stamps.is_current(tmp_path, stamps.digest(files=[source], words=["host"]))


def test_a_wrong_chromium_variable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "nowhere"))
    with pytest.raises(WorkshopError, match=r"CHROMIUM=.*nowhere is no executable"):
        chromium.find_chromium()


def test_chromium_runs_without_its_sandbox_only_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in chromium.launch_arguments()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in chromium.launch_arguments()


@pytest.mark.parametrize(
    ("free_bytes", "flags", "is_used"),
    [(2**32, 0, True), (2**32 - 1, 0, False), (2**40, os.ST_NOEXEC, False)],
)
def test_temporary_files_lie_in_memory_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_bytes: int, flags: int, is_used: bool
) -> None:
    found = SimpleNamespace(f_bavail=free_bytes, f_frsize=1, f_flag=flags)
    monkeypatch.setattr("os.statvfs", lambda _folder: found)
    monkeypatch.setattr(memory, "_FOLDER", tmp_path)
    assert memory.roomy_folder() == (tmp_path if is_used else None)
    monkeypatch.setattr(memory, "_FOLDER", tmp_path / "nowhere")
    assert memory.roomy_folder() is None


@pytest.mark.postgres
def test_postgres_gives_separate_empty_databases_and_leaves_nothing() -> None:
    with running_postgres() as server:
        first, second = server.create_database(), server.create_database()
        with psycopg.connect(first) as connection:
            connection.execute("CREATE TABLE t (n bigint)")
        with psycopg.connect(second) as connection:
            found = connection.execute("SELECT to_regclass('t')").fetchone()
        assert found == (None,)
        server.drop_database(first)
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(first)
        folder = server.folder
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(second)


# Tells where its server lies and dies without any chance to tidy up.
KILLED = """
import os, signal
from tests.workshop.postgres import PostgresServer
server = PostgresServer()
server.start()
pid = (server.folder / "data" / "postmaster.pid").read_text().split()[0]
print(server.folder, pid, server.guard_pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.postgres
def test_postgres_ends_with_a_killed_test_run_and_leaves_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    folder, server, guard = done.stdout.split()
    _, alive = psutil.wait_procs(
        [psutil.Process(pid) for pid in map(int, (server, guard)) if psutil.pid_exists(pid)],
        timeout=30,
    )
    assert alive == []
    assert not Path(folder).exists()
