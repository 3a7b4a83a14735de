"""``mai-usage doctor``: one line for each thing the meter needs, and what to do without it.

It starts nothing permanent: the host is imported by a process of its own, whose data live in a
temporary folder, and the database is asked, not changed.
"""

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

from mai_usage_ext.errors import UsageError
from mai_usage_ext.host.seams import Seam, host_version, probe
from mai_usage_ext.host.serving import host_app
from mai_usage_ext.maintenance import open_migrator
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
    yield not problems, _with_advice("settings", *problems)
    if not settings.enabled:
        yield True, "the flag ENABLE_MAI_USAGE_EXT is false: install() will do nothing"
    yield _secrets(settings)
    yield host_version()[0].isdigit(), f"Open WebUI {host_version()}"
    for seam in _seams(environ):
        advice = () if seam.is_found else (seam.advice,)
        yield seam.is_found, _with_advice(f"{seam.name}: {seam.looked_for}", *advice)
    yield _database(environ)


def _secrets(settings: Settings) -> tuple[bool, str]:
    if settings.encryption_keys:
        return True, f"secrets: a ring of {len(settings.encryption_keys)} encryption keys"
    if settings.host_secret is not None:
        return True, "secrets: sealed with a key derived from WEBUI_SECRET_KEY"
    return True, _with_advice(
        "secrets: no key to seal them with, so organizations cannot have keys of their own",
        "set MAI_USAGE_ENCRYPTION_KEYS, or WEBUI_SECRET_KEY as the host has it",
    )


def _database(environ: Mapping[str, str]) -> tuple[bool, str]:
    try:
        with open_migrator(environ) as migrator:
            states = migrator.status()
    except UsageError as error:
        return False, _with_advice("database", *getattr(error, "problems", (str(error),)))
    waiting = sum(state.applied_at_ms is None for state in states)
    return True, f"database; {waiting} migrations to apply at the next start"


def _seams(environ: Mapping[str, str]) -> list[Seam]:
    """What a process of its own found in the host, imported beside a throw-away database."""
    with tempfile.TemporaryDirectory(prefix="mai-usage-doctor-") as folder:
        apart = {
            "WEBUI_SECRET_KEY": "unused",
            **environ,
            "DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/webui.db",
            "STATIC_DIR": f"{folder}/static",
        }
        answer = subprocess.run(
            [sys.executable, "-m", "mai_usage_ext.doctor"],
            env=apart,
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or ["nothing"]
        return [
            Seam(
                name="import",
                looked_for="open_webui.main",
                is_found=False,
                advice=f"it does not start by itself either; it said: {said[-1]}",
            )
        ]
    return [Seam(**fields) for fields in json.loads(answer.stdout.splitlines()[-1])]


def _tell() -> None:
    """The other process: the seams as one line of JSON."""
    # The host greets on standard output as it is imported.
    with contextlib.redirect_stdout(sys.stderr):
        seams = list(probe(host_app()))
    print(json.dumps([dataclasses.asdict(seam) for seam in seams]))


def _with_advice(line: str, *advice: str) -> str:
    return "\n         ".join((line, *advice))


if __name__ == "__main__":
    _tell()
