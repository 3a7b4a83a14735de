"""`mai-usage` on the soak's clock: ``python -m tests.soak.host COMMAND …``.

A worker is a spawned process, which imports this main module anew before it imports its app. So the
clock stands outside the condition below, and holds in every worker.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mai_usage_ext.cli import main
from tests.soak.clock import VARIABLE, follow

follow(Path(os.environ[VARIABLE]))

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
