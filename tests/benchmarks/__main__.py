"""All benchmarks, or the named ones: ``python -m tests.benchmarks [--full] [chunks] [writer] …``.

Each is a file ``bench_NAME.py`` beside this one.
"""

import importlib
import sys
from pathlib import Path

FULL = "--full"
_PREFIX = "bench_"


def names() -> list[str]:
    files = Path(__file__).parent.glob(f"{_PREFIX}*.py")
    return sorted(file.stem.removeprefix(_PREFIX) for file in files)


def main(arguments: list[str]) -> int:
    options = tuple(word for word in arguments if word == FULL)
    wanted = [word for word in arguments if word != FULL]
    unknown = [word for word in wanted if word not in names()]
    if unknown:
        print(
            f"{unknown[0]!r} is no benchmark; expected some of {', '.join(names())}, and {FULL}",
            file=sys.stderr,
        )
        return 2
    for name in wanted or names():
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{_PREFIX}{name}").main(options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
