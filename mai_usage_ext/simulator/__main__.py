"""`python -m mai_usage_ext.simulator`, the same as `mai-usage simulate`."""

import argparse
import sys

from mai_usage_ext.simulator.cli import add_arguments, run

if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description="A local OpenRouter with its own exact bill.")
    add_arguments(_parser)
    sys.exit(run(_parser.parse_args()))
