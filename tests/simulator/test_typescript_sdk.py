"""The official TypeScript client, stricter than the Python one, judges the simulator."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext.simulator import Simulator

FOLDER = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def installed() -> Path:
    """The folder of the script, with its client installed."""
    if not (FOLDER / "node_modules" / "@openrouter" / "sdk").is_dir():
        options = ("--no-audit", "--no-fund", "--ignore-scripts")
        subprocess.run(("npm", "ci", *options), cwd=FOLDER, check=True, capture_output=True)
    return FOLDER


def _judge(folder: Path, simulator: Simulator) -> Any:
    keys = (simulator.inference_key, simulator.management_key)
    done = subprocess.run(
        ("node", "judge.mjs", simulator.url, *keys),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_passes_its_validation(installed: Path, threaded: Simulator) -> None:
    threaded.switch(include_today=True)
    seen = _judge(installed, threaded)
    records = threaded.bill.records
    costs = [float(record.cost) for record in records]
    inference = seen["inference"]
    assert "openrouter/auto" in seen["models"]
    assert inference["chat"] == {"id": records[0].generation_id, "cost": costs[0], "byok": False}
    assert inference["stream"]["cost"] == costs[1]
    assert inference["responses"]["cost"] == costs[2]
    assert inference["responsesStream"]["cost"] == costs[3]
    assert inference["responsesStream"]["types"][-1] == "response.completed"
    assert inference["embeddings"] == {"length": 4, "cost": costs[4]}
    assert inference["generation"] == {"cost": costs[0], "user": "user-1"}
    management = seen["management"]
    assert management["key"]["limit"] == 5
    assert management["key"]["disabled"] is True
    assert sorted(management["listed"]) == ["Acme", "default"]
    assert management["deleted"] is True
    assert management["own"] == {"management": True}
    assert management["credits"] == float(threaded.bill.total_cost())
    assert management["activity"] == pytest.approx(management["credits"])
    assert "generation_id" in management["dimensions"]
    assert management["generations"] == 5
