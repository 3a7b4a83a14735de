"""A local OpenRouter that keeps its own exact bill, for demos, tests and load.

It shares no code with what it judges: its prices, tokens, money and JSON are its own.
"""

from mai_usage_ext.simulator.cli import add_arguments, run
from mai_usage_ext.simulator.server import (
    INFERENCE_KEY,
    MANAGEMENT_KEY,
    Simulator,
    SimulatorThread,
)

__all__ = [
    "INFERENCE_KEY",
    "MANAGEMENT_KEY",
    "Simulator",
    "SimulatorThread",
    "add_arguments",
    "run",
]
