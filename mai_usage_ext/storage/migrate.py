"""Numbered migrations, applied once each, whoever starts first.

Every migration is one transaction that takes the lock, looks at the history, does the next thing
that is not done and checks it. So any number of processes may start at once: one of them does the
work and the others find it done. On PostgreSQL the lock is an advisory one that ends with its
transaction, on SQLite it is the file's write lock.
"""

import hashlib
import importlib
import logging
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, TypeVar, cast

import peewee
from peewee import BigIntegerField, Database, IntegerField, Model, TextField

from mai_usage_ext.errors import MigrationFailed, SchemaMismatch, StorageUnavailable
from mai_usage_ext.storage import prototype
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import execute, session, transaction, write

__all__ = ["MigrationState", "Migrator", "Script", "scripts_of"]

log = logging.getLogger("mai_usage_ext")

PACKAGE = "mai_usage_ext.migrations"
# Any number that nobody else is likely to lock: the letters of "mai usag".
_ADVISORY_LOCK = 0x6D61695F75736167
_LOCK_WAIT_S, _LOCK_PAUSE_S = 60.0, 0.05
_STATEMENT_TIMEOUT_MS = 900_000

_T = TypeVar("_T")


class Script(Protocol):
    """What a migration module looks like, see ``migrations/__init__.py``."""

    REQUIRES: str

    def measure(self, db: Database, /) -> Mapping[str, int]: ...

    def up(self, db: Database, /) -> None: ...

    def down(self, db: Database, /) -> None: ...

    def check(self, db: Database, before: Mapping[str, int], /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    number: int
    name: str
    checksum: str
    script: Script


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationState:
    """``applied_at_ms`` is ``None`` while it is not applied. ``is_known`` is false for what a newer
    version applied; ``is_changed`` says that the script is not the one that was applied."""

    number: int
    name: str
    applied_at_ms: int | None
    requires_version: str
    is_known: bool
    is_changed: bool


class History(Model):
    number = IntegerField(primary_key=True)
    name = TextField()
    applied_at_ms = BigIntegerField()
    checksum = TextField()
    requires_version = TextField()

    class Meta:
        table_name = "mai_usage_migrations"


class Migrator:
    """``version`` is this package's own. ``prototype_in_host`` says that the host still carries
    mAI's in-tree metering, whose tables are then left as they are."""

    def __init__(
        self,
        db: Database,
        *,
        version: str,
        prototype_in_host: bool = False,
        migrations: Iterable[Migration] | None = None,
        lock_wait_s: float = _LOCK_WAIT_S,
    ) -> None:
        self._db = db
        self._version = version
        self._prototype_in_host = prototype_in_host
        known = scripts_of(PACKAGE) if migrations is None else migrations
        self._known = sorted(known, key=lambda migration: migration.number)
        self._lock_wait_s = lock_wait_s

    def status(self) -> list[MigrationState]:
        """Every migration, known or applied, in order. Takes no lock and changes nothing."""
        with session(self._db):
            applied = self._applied()
        known = {migration.number: migration for migration in self._known}
        states = [_done(row, known.get(number)) for number, row in applied.items()]
        states += [_pending(known[number]) for number in known.keys() - applied.keys()]
        return sorted(states, key=lambda state: state.number)

    def check(self) -> None:
        """Raise ``SchemaMismatch`` when a newer version declared this one too old for it."""
        with session(self._db):
            self._check(self._applied())

    def up(self, target: int | None = None) -> list[int]:
        """Apply what is not applied, up to ``target``; return the numbers applied here.

        Raises ``SchemaMismatch``, ``MigrationFailed``, ``PrototypePresent``; what fails leaves
        nothing behind.
        """
        done: list[int] = []
        while (number := self._locked(lambda: self._up_one(target))) is not None:
            log.info("migration %d applied", number)
            done.append(number)
        return done

    def down(self, target: int) -> list[int]:
        """Take back everything above ``target``, newest first; return the numbers."""
        done: list[int] = []
        while (number := self._locked(lambda: self._down_one(target))) is not None:
            log.info("migration %d taken back", number)
            done.append(number)
        return done

    def _locked(self, work: Callable[[], _T]) -> _T:
        """Run ``work`` in a transaction of its own that holds the lock, waiting for the lock."""
        give_up_at = time.monotonic() + self._lock_wait_s
        while True:
            try:
                with _exclusive(self._db):
                    return work()
            except StorageUnavailable as error:
                # SQLite's own wait is shorter than another process's migration may be.
                if "locked" not in str(error) or time.monotonic() >= give_up_at:
                    raise
                time.sleep(_LOCK_PAUSE_S)

    def _up_one(self, target: int | None) -> int | None:
        applied = self._applied()
        self._check(applied)
        for migration in self._known:
            if migration.number in applied or (target is not None and migration.number > target):
                continue
            if not applied:
                prototype.set_aside(self._db, prototype_in_host=self._prototype_in_host)
            _apply(self._db, migration)
            return migration.number
        return None

    def _down_one(self, target: int) -> int | None:
        applied = self._applied()
        above = [number for number in applied if number > target]
        if not above:
            return None
        number = max(above)
        migration = next((one for one in self._known if one.number == number), None)
        if migration is None:
            raise MigrationFailed(
                f"migration {number} ({applied[number].name}) is unknown to version "
                f"{self._version}; take it back with the version that applied it"
            )
        _take_back(self._db, migration)
        return number

    def _applied(self) -> dict[int, History]:
        if not self._db.table_exists(History._meta.table_name):
            return {}
        rows = History.select().order_by(History.number).bind(self._db)
        return {row.number: row for row in rows}

    def _check(self, applied: Mapping[int, History]) -> None:
        newest = max(
            (row.requires_version for row in applied.values()), key=_release, default=self._version
        )
        if _release(newest) > _release(self._version):
            raise SchemaMismatch(
                f"the database needs mai-usage-ext {newest} or newer; this is {self._version}"
            )


def scripts_of(package: str) -> list[Migration]:
    """The migration modules of a package, ``m0001_name`` and so on."""
    home = importlib.import_module(package)
    found = [
        _migration(importlib.import_module(f"{package}.{module.name}"))
        for module in pkgutil.iter_modules(home.__path__)
        if module.name[:1] == "m" and module.name[1:5].isdigit()
    ]
    numbers = [migration.number for migration in found]
    if len(numbers) != len(set(numbers)):
        raise MigrationFailed(f"two migrations of {package} have the same number")
    return found


def _migration(module: ModuleType) -> Migration:
    name = module.__name__.rpartition(".")[2]
    source = getattr(module.__loader__, "get_source")(module.__name__)  # noqa: B009 - untyped
    return Migration(
        number=int(name[1:5]),
        name=name[6:],
        checksum=hashlib.sha256(str(source).encode()).hexdigest(),
        script=cast(Script, module),
    )


@contextmanager
def _exclusive(db: Database) -> Iterator[None]:
    with transaction(db):
        if not is_sqlite(db):
            execute(db, f"SET LOCAL statement_timeout = {_STATEMENT_TIMEOUT_MS}")
            execute(db, "SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
        yield


def _apply(db: Database, migration: Migration) -> None:
    peewee.SchemaManager(History, db).create_table(safe=True)
    with _explained(migration, "apply"):
        before = migration.script.measure(db)
        migration.script.up(db)
        migration.script.check(db, before)
    row = History.insert(
        number=migration.number,
        name=migration.name,
        applied_at_ms=time.time_ns() // 1_000_000,
        checksum=migration.checksum,
        requires_version=migration.script.REQUIRES,
    )
    write(db, row)


def _take_back(db: Database, migration: Migration) -> None:
    with _explained(migration, "take back"):
        migration.script.down(db)
    write(db, History.delete().where(History.number == migration.number))


@contextmanager
def _explained(migration: Migration, doing: str) -> Iterator[None]:
    """Turn a script's failure into ``MigrationFailed``; the transaction around it rolls back."""
    try:
        yield
    except MigrationFailed as error:
        raise MigrationFailed(
            f"migration {migration.number} ({migration.name}) was rolled back: {error}"
        ) from error
    except peewee.DatabaseError as error:
        if not _is_of_the_schema(error):
            raise
        raise MigrationFailed(
            f"could not {doing} migration {migration.number} ({migration.name}): {error}"
        ) from error


def _is_of_the_schema(error: peewee.DatabaseError) -> bool:
    """Whether trying again would fail again. SQLite calls that operational, as it does a lock."""
    if isinstance(error, peewee.ProgrammingError | peewee.IntegrityError | peewee.DataError):
        return True
    complaints = ("already exists", "no such", "duplicate column", "syntax error")
    return any(complaint in str(error) for complaint in complaints)


def _pending(migration: Migration) -> MigrationState:
    return MigrationState(
        number=migration.number,
        name=migration.name,
        applied_at_ms=None,
        requires_version=migration.script.REQUIRES,
        is_known=True,
        is_changed=False,
    )


def _done(applied: History, known: Migration | None) -> MigrationState:
    return MigrationState(
        number=applied.number,
        name=applied.name,
        applied_at_ms=applied.applied_at_ms,
        requires_version=applied.requires_version,
        is_known=known is not None,
        is_changed=known is not None and known.checksum != applied.checksum,
    )


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version: ``1.2rc1`` counts as 1.2, which is what it will become."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = "".join(_leading_digits(part))
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _leading_digits(text: str) -> Iterator[str]:
    for character in text:
        if not character.isdigit():
            return
        yield character
