"""``mai-usage doctor``: one line for each thing the meter needs, and for each check of its health.

It starts nothing permanent: the host is imported by a process of its own, whose data live in a
temporary folder, and the database is asked, not changed.
"""

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.api.frontend import locale_folder
from mai_usage_ext.errors import StorageUnavailable, UsageError
from mai_usage_ext.host.seams import Seam, host_version, probe
from mai_usage_ext.host.serving import host_app
from mai_usage_ext.maintenance import health_checks, open_migrator
from mai_usage_ext.services.health_checks import CheckStatus, away_check
from mai_usage_ext.settings import Settings

__all__ = ["examine"]

_WELL = ("found", CheckStatus.OK.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: ``status`` is ``found``, ``missing``, or that of a health check."""

    status: str
    seen: str
    advice: str = ""


def examine(environ: Mapping[str, str], *, as_json: bool = False) -> int:
    """Print the findings; 0 when all is well, 1 when something is not, 2 when it cannot work."""
    findings = list(_findings(environ))
    wrong = sum(finding.status not in _WELL for finding in findings)
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            print(_line(finding, is_coloured=_has_colours(environ)))
        print("everything is there" if not wrong else f"{wrong} wrong; see the lines above")
    if any(finding.status == CheckStatus.DOWN for finding in findings):
        return 2
    return 1 if wrong else 0


def _has_colours(environ: Mapping[str, str]) -> bool:
    """For a person at a terminal who has not said otherwise (no-color.org)."""
    return sys.stdout.isatty() and not environ.get("NO_COLOR")


def _line(finding: Finding, *, is_coloured: bool) -> str:
    is_well = finding.status in _WELL
    word = f"{finding.status if is_well else finding.status.upper():<8}"
    if is_coloured:
        colour = 32 if is_well else 31 if finding.status != CheckStatus.DEGRADED else 33
        word = f"\x1b[{colour}m{word}\x1b[0m"
    parts = [f"{word} {finding.seen}", *finding.advice.splitlines()]
    return "\n         ".join(parts)


def _findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    settings, problems = Settings.read(environ)
    yield _found("settings", is_found=not problems, advice=problems)
    if not settings.enabled:
        yield _found("the flag ENABLE_MAI_USAGE_EXT is false: install() will do nothing")
    yield _secrets(settings)
    if settings.locales_dir is not None:
        yield _languages(settings)
    yield _found(f"Open WebUI {host_version()}", is_found=host_version()[0].isdigit())
    for seam in _seams(environ):
        line = f"{seam.name}: {seam.looked_for}"
        yield _found(line, is_found=seam.is_found, advice=[seam.advice])
    yield from _database(environ)


def _found(line: str, *, is_found: bool = True, advice: Sequence[str] = ()) -> Finding:
    told = "" if is_found else "\n".join(advice)
    return Finding(status="found" if is_found else "missing", seen=line, advice=told)


def _secrets(settings: Settings) -> Finding:
    if settings.encryption_keys:
        return _found(f"secrets: a ring of {len(settings.encryption_keys)} encryption keys")
    if settings.host_secret is not None:
        return _found("secrets: sealed with a key derived from WEBUI_SECRET_KEY")
    return Finding(
        status="found",
        seen="secrets: no key to seal them with, so organizations cannot have keys of their own",
        advice="set MAI_USAGE_ENCRYPTION_KEYS, or WEBUI_SECRET_KEY as the host has it",
    )


def _languages(settings: Settings) -> Finding:
    folder = locale_folder(settings, BuiltFiles.open())
    problems = list(folder.problems())
    tags = ", ".join(file.tag for file in folder.all()) or "none"
    return _found(f"languages dropped in: {tags}", is_found=not problems, advice=problems)


def _database(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        with open_migrator(environ) as migrator:
            waiting = sum(state.applied_at_ms is None for state in migrator.status())
        yield _found(f"database; {waiting} migrations to apply at the next start")
        # What a database without tables would say of its health is nothing.
        checks = [] if waiting else health_checks(environ)
    except StorageUnavailable as error:
        check = away_check(error)
        yield Finding(status=check.status.value, seen=check.seen, advice=check.advice)
        return
    except UsageError as error:
        problems = getattr(error, "problems", (str(error),))
        yield _found("database", is_found=False, advice=problems)
        return
    for check in checks:
        yield Finding(
            status=check.status.value, seen=f"{check.name}: {check.seen}", advice=check.advice
        )


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


if __name__ == "__main__":
    _tell()
