"""Real hosts for the tests: one simulator, one set of people, and hosts started on demand.

A fresh Open WebUI spends ten seconds on its own migrations, so that is done once: every host starts
on a copy of the first one's database, in which the same people have the same tokens.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.demo.accounts import Account, Accounts
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import Person
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator, SimulatorThread
from tests.host.dialects import Dialect, dialect_of
from tests.workshop.hosts import NEWEST, Host

MODELS = (
    "openai/gpt-4o-mini",
    "anthropic/claude-sonnet-4",
    "qwen/qwen3-8b",
    "openai/text-embedding-3-small",
)
CHEAP = MODELS[0]
EMBEDDINGS = MODELS[3]

ADMIN = "Ada"
USERS = ("Anna", "Boris", "Chen", "Dora", "Eve", "Frida", "Greta")
PASSWORD = "a-long-password"

# What every host is told: a fixed list of models, and a short lease, so that a dead process's holds
# are picked up while a test can wait for it.
ENVIRONMENT = {
    "OPENAI_API_CONFIGS": json.dumps({"0": {"enable": True, "model_ids": list(MODELS)}}),
    "DEFAULT_MODELS": CHEAP,
    "MAI_USAGE_LEASE_SECONDS": "2",
    "MAI_USAGE_BROADCAST_SECRET": "told-to-openrouter-and-us",
}

# A limited organization is refused where its hold is not committed in time. That is a test of its
# own; everywhere else a busy machine shall not look like one.
PATIENT = {"MAI_USAGE_COMMIT_WAIT_MS": "20000"}

NOBODY_BY_DEFAULT = {"MAI_USAGE_DEFAULT_ORGANIZATION": "off"}


@dataclass(frozen=True, slots=True)
class Someone:
    """An account and its API key, good on every host of the theatre."""

    account: Account
    api_key: str


class Theatre:
    """Everything that the tests of one Open WebUI version share."""

    def __init__(self, folder: Path, software: Host) -> None:
        self.folder = folder
        self.software = software
        self.dialect: Dialect = dialect_of(software)
        self._thread = SimulatorThread()
        self.simulator: Simulator = self._thread.start()
        self._hosts: dict[str, HostProcess] = {}
        self._people: dict[str, Someone] = {}

    @property
    def plain(self) -> HostProcess:
        """The untouched host, without us."""
        if "plain" not in self._hosts:
            host = self._new("plain", extension=False, environment={})
            self._hosts["plain"] = host.start()
            self._people = _people(host)
        return self._hosts["plain"]

    @property
    def metered(self) -> HostProcess:
        """The host that most tests use; nobody belongs to an organization by default."""
        return self.host("metered", environment=NOBODY_BY_DEFAULT)

    @property
    def people(self) -> Mapping[str, Someone]:
        """Everybody by name; ``Ada`` is the admin."""
        assert self.plain.is_running
        return self._people

    def host(self, name: str, **options: object) -> HostProcess:
        """The host of that name, started at its first use; the options are those of ``new``."""
        if name not in self._hosts:
            self._hosts[name] = self.new(name, **options).start()  # type: ignore[arg-type]
        return self._hosts[name]

    def new(
        self,
        name: str,
        *,
        extension: bool = True,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        kind: type[HostProcess] = HostProcess,
    ) -> HostProcess:
        """A host that is not started yet, on a copy of the first one's database."""
        host = self._new(
            name,
            extension=extension,
            workers=workers,
            environment=dict(environment or {}),
            kind=kind,
        )
        host.data.mkdir(parents=True)
        _copy_database(self.plain.database, host.database)
        return host

    @contextmanager
    def workbench(self, host: HostProcess) -> Iterator[Workbench]:
        """The organizations of a running host, as its own command line would open them."""
        variables = host.variables()
        settings = Settings.from_env(
            {
                "MAI_USAGE_DATABASE_URL": host.usage_database_url,
                # What the host seals, this opens.
                "WEBUI_SECRET_KEY": variables["WEBUI_SECRET_KEY"],
                "OPENROUTER_BASE_URL": self.simulator.url,
                "OPENROUTER_PROVISIONING_KEY": self.simulator.management_key,
                **NOBODY_BY_DEFAULT,
            }
        )
        with closing(open_workbench(settings)) as opened:
            yield opened

    def person(
        self, session: aiohttp.ClientSession, host: HostProcess, name: str, *, model: str = CHEAP
    ) -> Person:
        """Somebody with a session token on one of the hosts."""
        token = self.people[name].account.token
        return Person(session, host.url, token=token, model=model)

    def close(self) -> None:
        for host in self._hosts.values():
            host.stop()
        self._thread.stop()

    def _new(
        self,
        name: str,
        *,
        extension: bool,
        workers: int = 1,
        environment: Mapping[str, str],
        kind: type[HostProcess] = HostProcess,
    ) -> HostProcess:
        return kind(
            self.folder / name,
            upstream=self.simulator.url,
            key=self.simulator.inference_key,
            extension=extension,
            workers=workers,
            python=self.software.python,
            environment={
                **self.software.slim_environment(),
                **ENVIRONMENT,
                "OPENROUTER_PROVISIONING_KEY": self.simulator.management_key,
                **environment,
            },
        )


@dataclass(slots=True)
class _Loan:
    theatre: Theatre
    borrowers: int = 0


_loans: dict[str, _Loan] = {}


@contextmanager
def borrowed_theatre(software: Host = NEWEST) -> Iterator[Theatre]:
    """A version's theatre, shared by all test folders; the last to leave turns off the light."""
    version = software.version
    if version not in _loans:
        folder = Path(tempfile.mkdtemp(prefix=f"mai-usage-hosts-{version}-"))
        _loans[version] = _Loan(Theatre(folder, software))
    loan = _loans[version]
    loan.borrowers += 1
    try:
        yield loan.theatre
    finally:
        loan.borrowers -= 1
        if loan.borrowers == 0:
            del _loans[version]
            loan.theatre.close()
            shutil.rmtree(loan.theatre.folder, ignore_errors=True)


def _people(host: HostProcess) -> dict[str, Someone]:
    accounts = Accounts(host.url)
    admin = accounts.admin(name=ADMIN, email="ada@example.com", password=PASSWORD)
    found = {ADMIN: admin}
    for name in USERS:
        found[name] = accounts.user(
            admin, name=name, email=f"{name.lower()}@example.com", password=PASSWORD
        )
    return {name: Someone(who, accounts.api_key(who)) for name, who in found.items()}


def _copy_database(source: Path, target: Path) -> None:
    """A consistent copy while the source is in use."""
    with closing(sqlite3.connect(source)) as before, closing(sqlite3.connect(target)) as after:
        before.backup(after)
