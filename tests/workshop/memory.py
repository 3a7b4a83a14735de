"""A folder in memory, for all that tests write and nobody keeps.

A PostgreSQL database is made there in a tenth of the time, and SQLite's commits wait for no disk.
"""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path("/dev/shm")
_LEAST_BYTES = 4 * 2**30


def roomy_folder() -> Path | None:
    """The folder; None where there is none, it is small, or it may hold no programs.

    Containers often have a small one, and some tests write programs and run them.
    """
    if not os.access(_FOLDER, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(_FOLDER)
    has_room = found.f_bavail * found.f_frsize >= _LEAST_BYTES
    return _FOLDER if has_room and not found.f_flag & os.ST_NOEXEC else None
