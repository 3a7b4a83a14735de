"""``mai-usage doctor``: one line for each thing the meter needs, and what to do without it.

It starts nothing permanent: the host's modules are imported with their data in a temporary folder,
and the database is asked, not changed.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Mapping

from mai_usage_ext.errors import ConfigurationError, StorageError, UsageError
from mai_usage_ext.settings import Settings

__all__ = ["examine"]


def examine(environ: Mapping[str, str]) -> int:
    """Print the findings; 0 when everything is there, 1 when something is missing."""
    missing = 0
    for is_found, line in _findings(environ):
        print(f"{'found  ' if is_found else 'MISSING'}  {line}")
        missing += not is_found
    print("everything is there" if not missing else f"{missing} missing; see the lines above")
    return 1 if missing else 0


def _findings(environ: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    settings, problems = Settings.read(environ)
    yield not problems, "settings" + "".join(f"\n         {problem}" for problem in problems)
    if not settings.enabled:
        yield True, "the flag ENABLE_MAI_USAGE_EXT is false: install() will do nothing"
    # The database is looked at first, because importing the host below redirects its data.
    yield _database(environ)
    yield from _host()


def _database(environ: Mapping[str, str]) -> tuple[bool, str]:
    from mai_usage_ext.maintenance import open_migrator

    try:
        with open_migrator({**environ}) as migrator:
            states = migrator.status()
    except ConfigurationError as error:
        return False, f"database: {'; '.join(error.problems)}"
    except (StorageError, UsageError) as error:
        return False, f"database: {error}"
    waiting = sum(state.applied_at_ms is None for state in states)
    return True, f"database, {waiting} migrations to apply at the next start"


def _host() -> Iterator[tuple[bool, str]]:
    from mai_usage_ext.host.seams import host_version, probe

    yield host_version()[0].isdigit(), f"Open WebUI {host_version()}"
    for seam in probe(_imported_app()):
        advice = "" if seam.is_found else f"\n         {seam.advice}"
        yield seam.is_found, f"{seam.name}: {seam.looked_for}{advice}"


def _imported_app() -> object:
    """The host's app, imported beside a throw-away database; ``None`` where it cannot be."""
    from mai_usage_ext.host.serving import host_app

    with tempfile.TemporaryDirectory(prefix="mai-usage-doctor-") as folder:
        os.environ.update(
            DATA_DIR=folder,
            DATABASE_URL=f"sqlite:///{folder}/webui.db",
            STATIC_DIR=f"{folder}/static",
            WEBUI_SECRET_KEY=os.environ.get("WEBUI_SECRET_KEY") or "doctor",
        )
        try:
            # The host greets on standard output as it is imported.
            with contextlib.redirect_stdout(io.StringIO()):
                return host_app()
        except ImportError:
            return None
