"""The simulator as a program of its own, and its place among the layers."""

from __future__ import annotations

import argparse
import ast
import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import mai_usage_ext.simulator as package
from mai_usage_ext.simulator import Simulator, SimulatorThread, add_arguments, run

FOLDER = Path(package.__file__).parent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    command = (sys.executable, "-m", "mai_usage_ext.simulator", "--port", "0")
    options = ("--inference-key", "sk-or-v1-a", "--management-key", "sk-or-v1-b")
    with subprocess.Popen((*command, *options), stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline().strip() for _ in range(3)]
        settings = dict(line.split("=", 1) for line in lines)
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            f"{settings['OPENROUTER_BASE_URL']}/key",
            headers={"Authorization": f"Bearer {settings['OPENROUTER_PROVISIONING_KEY']}"},
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310
            assert json.load(response)["data"]["is_management_key"] is True
        program.send_signal(number)
        rest = program.stdout.read()
        assert program.wait(10) == 0
    assert settings["OPENROUTER_API_KEY"] == "sk-or-v1-a"
    assert "/__control/switches" in rest
    assert "/__control/bill" in rest


def _parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(options)


def test_a_taken_port_is_told(threaded: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_parsed("--port", str(threaded.port))) == 1
    assert f"Cannot listen on 127.0.0.1:{threaded.port}" in capsys.readouterr().err
    with pytest.raises(OSError, match="in use"):
        SimulatorThread(port=threaded.port).start()


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_wrong_port_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parsed(f"--port={port}")
    assert port in capsys.readouterr().err


def test_it_shares_no_code_with_what_it_judges() -> None:
    imported = {
        name
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in [node.module or ""]
        if name.startswith("mai_usage_ext")
    }
    assert imported
    assert all(name.startswith("mai_usage_ext.simulator") for name in imported)


def test_money_is_never_a_float() -> None:
    """Only waiting, vectors and JSON itself know floats."""
    users = {
        path.stem
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id == "float"
    }
    assert users <= {"bill", "checks", "control", "embeddings", "encoding", "switches"}


def test_the_exports_are_sorted() -> None:
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
