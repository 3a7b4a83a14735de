"""Migrations: applied once, checked, taken back, and refused where they must be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from peewee import Database

from mai_usage_ext.errors import MigrationFailed, SchemaMismatch
from mai_usage_ext.storage.migrate import PACKAGE, Migration, Migrator, scripts_of
from mai_usage_ext.storage.models import all_models
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.storage.samples import make_organization

VERSION = "0.1.0"
ALL = [one.number for one in scripts_of(PACKAGE)]

# What version 1 of the tables held, in its own words.
FIRST_ROWS = (
    (
        "INSERT INTO client_organizations (id, name, slug, status, timezone, billing_currency,"
        " monthly_limit_pusd, on_limit, billing_email, contacts, notes, created_at_ms,"
        " updated_at_ms)"
        " VALUES ('acme', 'Acme', 'acme', 'active', 'UTC', 'USD', 5, 'block', '', '', '', 1, 1)"
    ),
    (
        "INSERT INTO user_client_mappings (user_id, valid_from_ms, organization_id, role,"
        " created_at_ms) VALUES ('ada', 1, 'acme', 'member', 1)"
    ),
)


def nothing(_db: Database) -> None:
    pass


def no_figures(_db: Database) -> Mapping[str, int]:
    return {}


def no_check(_db: Database, _before: Mapping[str, int]) -> None:
    pass


@dataclass
class Script:
    REQUIRES: str = VERSION
    measure: Callable[[Database], Mapping[str, int]] = no_figures
    up: Callable[[Database], None] = nothing
    down: Callable[[Database], None] = nothing
    check: Callable[[Database, Mapping[str, int]], None] = no_check


def migration(number: int, script: Script, *, checksum: str = "sum") -> Migration:
    return Migration(number=number, name="made_up", checksum=checksum, script=script)


def with_next(script: Script) -> list[Migration]:
    """The package's own migrations and one more."""
    own = scripts_of(PACKAGE)
    return [*own, migration(len(own) + 1, script)]


def tables(db: Database) -> set[str]:
    with session(db):
        return set(db.get_tables())


def ours() -> set[str]:
    return {model._meta.table_name for model in all_models()}


def test_from_nothing(empty_db: Database) -> None:
    migrator = Migrator(empty_db, version=VERSION)
    assert {state.applied_at_ms for state in migrator.status()} == {None}
    assert tables(empty_db) == set()
    assert migrator.up() == ALL
    assert migrator.up() == []
    assert tables(empty_db) == ours() | {"mai_usage_migrations"}
    state, *_ = migrator.status()
    assert (state.number, state.name, state.requires_version) == (1, "initial", "0.1.0")
    assert state.applied_at_ms is not None
    assert (state.is_known, state.is_changed) == (True, False)


def test_up_down_up(empty_db: Database) -> None:
    migrator = Migrator(empty_db, version=VERSION)
    migrator.up()
    make_organization(empty_db)
    assert migrator.down(0) == ALL[::-1]
    assert tables(empty_db) == {"mai_usage_migrations"}
    assert migrator.down(0) == []
    assert migrator.up() == ALL
    assert ours() <= tables(empty_db)


def test_rows_of_the_first_version_come_along(empty_db: Database) -> None:
    migrator = Migrator(empty_db, version=VERSION)
    assert migrator.up(1) == [1]
    with transaction(empty_db):
        for statement in FIRST_ROWS:
            execute(empty_db, statement)
    assert migrator.up() == ALL[1:]
    with session(empty_db):
        asked = "SELECT name, monthly_limit_pusd, version, openrouter_key_state FROM "
        [row] = execute(empty_db, asked + "client_organizations").fetchall()
        [member] = execute(empty_db, "SELECT user_id, source FROM user_client_mappings").fetchall()
    assert tuple(row) == ("Acme", 5, 1, "none")
    assert tuple(member) == ("ada", "admin")
    assert migrator.down(1) == ALL[:0:-1]
    with session(empty_db):
        columns = {column.name for column in empty_db.get_columns("client_organizations")}
        assert execute(empty_db, "SELECT COUNT(*) FROM user_client_mappings").fetchone()[0] == 1
    assert "version" not in columns


def test_a_second_version_that_is_half_there_is_refused(empty_db: Database) -> None:
    migrator = Migrator(empty_db, version=VERSION)
    migrator.up(1)
    with transaction(empty_db):
        execute(empty_db, "CREATE TABLE audit_log (seq INTEGER)")
    with pytest.raises(MigrationFailed, match=r"could not apply migration 2 \(administration\)"):
        migrator.up()
    with session(empty_db):
        columns = {column.name for column in empty_db.get_columns("client_organizations")}
    assert "version" not in columns


def test_up_to_a_target_and_down_to_one(empty_db: Database) -> None:
    migrations = [migration(number, Script()) for number in (1, 2, 3)]
    migrator = Migrator(empty_db, version=VERSION, migrations=reversed(migrations))
    assert migrator.up(2) == [1, 2]
    assert migrator.up() == [3]
    assert migrator.down(1) == [3, 2]
    assert [state.applied_at_ms is not None for state in migrator.status()] == [
        True,
        False,
        False,
    ]


def test_a_check_that_fails_rolls_everything_back(db: Database) -> None:
    make_organization(db)

    def count(db: Database) -> Mapping[str, int]:
        [rows] = execute(db, "SELECT COUNT(*) FROM client_organizations").fetchone()
        return {"organizations": rows}

    def lose(db: Database) -> None:
        execute(db, "CREATE TABLE half_done (a INTEGER)")
        execute(db, "DELETE FROM pricing_rules")
        execute(db, "DELETE FROM client_organizations")

    def compare(db: Database, before: Mapping[str, int]) -> None:
        if count(db) != before:
            raise MigrationFailed(f"{before['organizations']} organizations became fewer")

    script = Script(measure=count, up=lose, check=compare)
    migrator = Migrator(db, version=VERSION, migrations=with_next(script))
    with pytest.raises(
        MigrationFailed,
        match=rf"migration {len(ALL) + 1} \(made_up\) was rolled back: 1 organizations became",
    ):
        migrator.up()
    assert "half_done" not in tables(db)
    with session(db):
        assert count(db) == {"organizations": 1}
    assert [state.applied_at_ms is not None for state in migrator.status()] == [
        *[True] * len(ALL),
        False,
    ]


def test_a_script_that_the_database_refuses_is_rolled_back(db: Database) -> None:
    def insert_twice(db: Database) -> None:
        execute(db, "CREATE TABLE half_done (a INTEGER PRIMARY KEY)")
        execute(db, "INSERT INTO half_done VALUES (1), (1)")

    migrator = Migrator(db, version=VERSION, migrations=with_next(Script(up=insert_twice)))
    with pytest.raises(
        MigrationFailed, match=rf"could not apply migration {len(ALL) + 1} \(made_up\)"
    ):
        migrator.up()
    assert "half_done" not in tables(db)


@pytest.mark.parametrize("requires", ["0.2.0", "0.1.1", "1.0", "0.10.0rc1"])
def test_a_database_that_wants_a_newer_version_is_refused(db: Database, requires: str) -> None:
    newer = with_next(Script(REQUIRES=requires))
    Migrator(db, version="99.0", migrations=newer).up()
    for use in (Migrator(db, version=VERSION).up, Migrator(db, version=VERSION).check):
        with pytest.raises(SchemaMismatch) as caught:
            use()
        assert requires in str(caught.value)
        assert VERSION in str(caught.value)


def test_a_database_that_is_merely_newer_is_accepted(db: Database) -> None:
    Migrator(db, version="99.0", migrations=with_next(Script(REQUIRES="0.1"))).up()
    migrator = Migrator(db, version=VERSION)
    migrator.check()
    assert migrator.up() == []
    assert [state.is_known for state in migrator.status()] == [*[True] * len(ALL), False]
    with pytest.raises(MigrationFailed, match=r"unknown to version 0\.1\.0"):
        migrator.down(0)


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_a_migration_may_take_longer_than_other_statements(db: Database) -> None:
    seen: list[str] = []

    def look(db: Database) -> None:
        seen.append(execute(db, "SHOW statement_timeout").fetchone()[0])

    Migrator(db, version=VERSION, migrations=with_next(Script(up=look))).up()
    with session(db):
        look(db)
    assert seen == ["15min", "30s"]


def test_a_changed_script_is_shown_and_not_applied_again(empty_db: Database) -> None:
    Migrator(empty_db, version=VERSION, migrations=[migration(1, Script())]).up()
    changed = [migration(1, Script(), checksum="another")]
    migrator = Migrator(empty_db, version=VERSION, migrations=changed)
    assert migrator.up() == []
    assert [state.is_changed for state in migrator.status()] == [True]


def test_a_strangers_table_stops_us_before_anything_is_changed(empty_db: Database) -> None:
    with transaction(empty_db):
        execute(empty_db, "CREATE TABLE usage_ledger (id INTEGER)")
    with pytest.raises(MigrationFailed, match="the table usage_ledger exists") as caught:
        Migrator(empty_db, version=VERSION).up()
    assert "MAI_USAGE_DATABASE_URL" in str(caught.value)
    assert tables(empty_db) == {"usage_ledger"}


def test_tables_of_the_host_are_left_alone(empty_db: Database) -> None:
    with transaction(empty_db):
        execute(empty_db, "CREATE TABLE chat (id INTEGER)")
    Migrator(empty_db, version=VERSION).up()
    Migrator(empty_db, version=VERSION).down(0)
    assert "chat" in tables(empty_db)


def test_the_packages_scripts_are_numbered_without_a_gap() -> None:
    numbers = [one.number for one in scripts_of(PACKAGE)]
    assert numbers == list(range(1, len(numbers) + 1))
