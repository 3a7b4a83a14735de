"""``mai-usage assets``: the front end's files in a folder, as they belong on a CDN."""

import argparse
import sys
from pathlib import Path

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.errors import ConfigurationError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        metavar="FOLDER",
        required=True,
        type=Path,
        help="made where it is missing; what it holds already stays, since a file's name carries "
        "the hash of its content and pages that are open still want the old ones",
    )


def run(args: argparse.Namespace) -> int:
    """Write what is missing or differs, and nothing else; 0 once all of it is there."""
    built = BuiltFiles.open()
    folder: Path = args.to
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError.of(
            "--to", got=str(folder), expected=f"a folder that can be made ({error.strerror})"
        ) from None
    try:
        written = sum(_is_written(folder / name, built.read(name)) for name in built.hashes)
    except OSError as error:
        print(f"mai-usage: a file could not be written: {error}", file=sys.stderr)
        return 1
    print(f"{folder}: {written} of {len(built.hashes)} files written, the others were there")
    return 0


def _is_written(path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    path.write_bytes(content)
    return True
