"""Stamps: a digest of what an installed thing was made from, kept inside that thing.

Deleting the thing deletes its stamp, and a changed input changes the digest; both make the
installer do the work again, and nothing else does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tests.workshop.shell import ROOT

NAME = ".workshop-stamp"


def digest(*, files: Iterable[Path] = (), words: Iterable[str] = ()) -> str:
    """SHA-256 over the place of this checkout, the files' bytes and the words, as hex.

    The place counts because an editable install points at it: a copied folder installs anew.
    """
    sha = hashlib.sha256(str(ROOT).encode())
    for path in files:
        sha.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    for word in words:
        sha.update(b"\0" + word.encode())
    return sha.hexdigest()


def is_current(folder: Path, expected: str) -> bool:
    """Whether the folder carries exactly this digest."""
    stamp = folder / NAME
    return stamp.is_file() and stamp.read_text().strip() == expected


def put(folder: Path, value: str) -> None:
    """Mark the folder as made from these inputs; the last act of an installation."""
    (folder / NAME).write_text(value + "\n")
