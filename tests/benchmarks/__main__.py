"""All benchmarks, one after another: ``python -m tests.benchmarks [chunks] [writer] [host]``."""

import sys

from tests.benchmarks import bench_chunks, bench_host, bench_writer

ALL = {"chunks": bench_chunks.main, "writer": bench_writer.main, "host": bench_host.main}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"{unknown[0]!r} is no benchmark; expected some of {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or ALL:
        print(f"\n== {name}")
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
