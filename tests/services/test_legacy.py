"""Importing what mAI's prototype had counted: all of it, once, and nothing over what is ours."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext.ports import Member, Role, UsageKind
from mai_usage_ext.services.legacy_report import json_of, lines_of
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.imports import ImportRows
from mai_usage_ext.storage.keys import KeyRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientMonthTotal,
    PricingRule,
    UsageLedger,
)
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.settings import SettingRows
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.vault import KeyRing
from mai_usage_ext.storage.writer import LedgerWriter
from tests.services.legacy_rig import (
    ACME,
    KEY,
    MANAGEMENT_KEY,
    RING,
    ZETA,
    Rig,
    StoppedClock,
    make_template,
    ms,
    rig_on,
    without_vault,
)
from tests.storage.samples import make_entry, make_hold, make_organization
from tests.workshop.postgres import PostgresServer


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``usage.db`` beside ``webui.db``, and ``one.db`` that has both."""
    folder = tmp_path_factory.mktemp("legacy")
    make_template(f"sqlite:///{folder}/usage.db", f"sqlite:///{folder}/webui.db")
    make_template(f"sqlite:///{folder}/one.db", f"sqlite:///{folder}/one.db")
    return folder


@pytest.fixture(scope="module")
def template(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.create_database()
    make_template(url, url)
    yield url
    postgres.drop_database(url)


@pytest.fixture
def sqlite_rig(files: Path, tmp_path: Path) -> Iterator[Rig]:
    """Our file beside the host's."""
    for name in ("usage.db", "webui.db"):
        shutil.copyfile(files / name, tmp_path / name)
    with rig_on(f"sqlite:///{tmp_path}/usage.db", f"sqlite:///{tmp_path}/webui.db") as rig:
        yield rig


@pytest.fixture
def postgres_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """In one database, where the old tables were renamed."""
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(like=request.getfixturevalue("template"))
    with rig_on(url, url) as rig:
        yield rig
    server.drop_database(url)


@pytest.fixture
def among_rig(files: Path, tmp_path: Path) -> Iterator[Rig]:
    """In one SQLite file, where the old tables were renamed."""
    shutil.copyfile(files / "one.db", tmp_path / "one.db")
    with rig_on(f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/one.db") as rig:
        yield rig


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def rig(request: pytest.FixtureRequest) -> Rig:
    found: Rig = request.getfixturevalue(f"{request.param}_rig")
    return found


def days(rig: Rig, organization_id: str) -> dict[str, Any]:
    used = UsageRows(rig.db).by_day(organization_id, first=date(2025, 7, 1), last=date(2025, 7, 31))
    return {
        day.isoformat(): (one.requests, one.tokens, one.raw_pusd, one.billed_pusd)
        for day, one in used.items()
    }


def spent(rig: Rig, organization_id: str) -> dict[str, int]:
    query = ClientMonthTotal.select().where(ClientMonthTotal.organization_id == organization_id)
    with session(rig.db):
        return {row.month: row.spent_pusd for row in query.bind(rig.db)}


def test_everything_comes_over(rig: Rig) -> None:
    report = rig.run()
    assert rig.problems() == []
    assert report.is_complete
    acme = rig.organization(ACME)
    assert (acme.name, acme.slug, acme.time_zone) == ("Acme", "acme", "Europe/Warsaw")
    assert (acme.rate_micro, acme.monthly_limit_pusd) == (1_300_000, 100_100_000_000_000)
    assert (acme.billing_currency, acme.is_active) == ("EUR", True)
    assert acme.key.secret == KEY
    zeta = rig.organization(ZETA)
    assert (zeta.is_active, zeta.rate_micro, zeta.time_zone) == (False, 1_150_000, "UTC")
    assert days(rig, ACME) == {
        "2025-07-01": (3, 30, 100_000_000_000, 130_000_000_000),
        "2025-07-02": (2, 20, 300_000_000_000, 390_000_000_000),
        "2025-07-03": (1, 7, 70_000_000_000, 91_000_000_000),
    }
    assert days(rig, ZETA) == {"2025-07-01": (1, 5, 250_000, 300_000)}
    assert spent(rig, ACME) == {"2025-07": 611_000_000_000}


def test_everything_comes_over_within_one_file(among_rig: Rig) -> None:
    assert among_rig.run().is_complete
    assert days(among_rig, ACME)["2025-07-02"] == (2, 20, 300_000_000_000, 390_000_000_000)
    before = among_rig.contents()
    among_rig.run()
    assert among_rig.contents() == before


def test_details_of_days_users_and_models(rig: Rig) -> None:
    rig.run()
    store = ImportRows(rig.db, KeyRing([RING]))
    users = store.imported(UsageKind.USER, ACME)
    first = users[date(2025, 7, 1), "ada", "", ""]
    assert (first.openrouter_user_id, first.sums.billed_pusd) == ("u_ada", 130_000_000_000)
    models = store.imported(UsageKind.MODEL, ACME)
    assert {key[2:] for key in models} == {("acme/a", "Acme"), ("acme/a", "")}
    with session(rig.db):
        (row,) = (
            ClientDailyUsage.select()
            .where(ClientDailyUsage.day == date(2025, 7, 1))
            .where(ClientDailyUsage.organization_id == ACME)
            .bind(rig.db)
        )
    assert (row.source, row.distinct_users, row.distinct_models) == ("imported", 1, 1)
    assert (row.prompt_tokens, row.completion_tokens) == (30, 0)
    assert store.known_generations(["gen-1751328000-a", "x"]) == {"gen-1751328000-a": "imported"}


def test_the_old_dashboards_numbers_are_in_the_new_one(rig: Rig) -> None:
    rig.run()
    clock = StoppedClock(ms("2025-07-04T12:00:00"))
    reports = Reports(UsageRows(rig.db), HoldRows(rig.db), clock=clock)
    report = reports.organization(rig.organization(ACME))
    history = [
        (str(day.day), day.totals.tokens, day.totals.billed_pusd) for day in report.history[-4:]
    ]
    assert history == [
        ("2025-07-01", 30, 130_000_000_000),
        ("2025-07-02", 20, 390_000_000_000),
        ("2025-07-03", 7, 91_000_000_000),
        ("2025-07-04", 0, 0),
    ]
    assert (report.month.totals.requests, report.month.days_active) == (6, 3)


def test_members_settings_and_the_trail(rig: Rig) -> None:
    rig.run()
    (ada,) = MemberRows(rig.db).history("ada")
    assert (ada.organization_id, ada.openrouter_user_id) == (ACME, "u_ada")
    assert (ada.valid_from_ms, ada.source) == (1_751_328_000_000, "imported")
    assert MemberRows(rig.db).history("ben") == []
    assert rig.result("user_client_mapping", "ben_zeta")[0] == "skipped"
    stored = SettingRows(rig.db).all()
    assert (stored["default_markup_rate"].value, stored["billing_currency"].value) == (
        "1.25",
        "EUR",
    )
    sealed = stored["openrouter_provisioning_key"].value
    bound_to = "usage_settings/openrouter_provisioning_key"
    assert KeyRing([RING]).open(sealed, bound_to=bound_to) == MANAGEMENT_KEY
    imported = [row for row in rig.trail() if row.action == "legacy.imported"]
    assert [row.target_id for row in imported] == [ACME, ZETA]
    assert imported[0].actor.kind == "cli"
    assert imported[0].after is not None
    assert imported[0].after["days"] == 3
    assert imported[0].after["markup_cost"] == "0.611"


def test_a_second_run_changes_nothing(rig: Rig) -> None:
    rig.run()
    before = rig.contents()
    report = rig.run()
    assert rig.contents() == before
    assert report.is_complete
    assert {row.result.value for row in rig.rows} == {"unchanged", "skipped"}


def test_a_rehearsal_says_the_same_and_writes_nothing(rig: Rig) -> None:
    before = rig.contents()
    rehearsed = rig.run(dry=True)
    said = rig.rows
    assert rig.contents() == before
    done = rig.run()
    assert rig.rows == said
    assert (rehearsed.checks, rehearsed.counts) == (done.checks, done.counts)


def test_days_of_ours_win(rig: Rig) -> None:
    """One is booked, one is held, one was sealed by us; the fourth comes over."""
    made = make_organization(rig.db, "Other")
    rig.run(dry=True)
    rig.change(f"DELETE FROM @client_live_counters WHERE client_org_id = '{ACME}'")
    rig.change(f"DELETE FROM @client_daily_usage WHERE client_org_id = '{ACME}'")
    rig.run()
    assert days(rig, ACME) == {}
    writer = LedgerWriter(rig.db, owner="test")
    writer.start()
    booked, held, sealed, free = (date(2025, 7, day) for day in (1, 2, 3, 4))
    hold = make_hold(ACME, day=booked, month="2025-07")
    writer.place(hold).result(10)
    assert writer.settle(hold, make_entry(hold, day=booked, billed_pusd=5)).result(10)
    writer.place(make_hold(ACME, day=held, month="2025-07")).result(10)
    assert writer.stop(timeout_s=10) == 0
    columns = {field.column_name for field in ClientDailyUsage._meta.sorted_fields}
    zeros: dict[str, Any] = dict.fromkeys(
        columns - {"organization_id", "day", "first_at_ms", "last_at_ms", "source"}, 0
    )
    with transaction(rig.db):
        row = ClientDailyUsage.insert(**zeros, organization_id=ACME, day=sealed)
        write(rig.db, row)
    for day in (booked, held, sealed, free):
        rig.change(
            "INSERT INTO @client_daily_usage (id, client_org_id, usage_date, total_tokens,"
            " total_requests, raw_cost, markup_cost) VALUES"
            f" ('day-{day.day}', '{ACME}', '{day}', 8, 1, 0.5, 0.65)"
        )
    report = rig.run()
    results = [rig.result("client_daily_usage", f"day-{day}")[0] for day in (1, 2, 3, 4)]
    assert results == ["conflict", "conflict", "conflict", "imported"]
    assert "entries of its own" in rig.result("client_daily_usage", "day-1")[1]
    assert days(rig, ACME)["2025-07-01"][3] == 5
    assert days(rig, ACME)["2025-07-03"] == (0, 0, 0, 0)
    assert not report.is_complete
    check = next(one for one in report.checks if one.kind is UsageKind.DAY)
    assert (check.is_equal, check.is_explained, check.rows_left_out) == (False, True, 3)
    assert check.left_out.billed_pusd == 3 * 650_000_000_000
    # What imported rows of users say of those days would be about other money than the day's.
    assert rig.result("client_user_daily_usage", "u1")[0] == "conflict"
    assert days(rig, made) == {}


@pytest.mark.parametrize("count", [0, -1])
def test_a_day_that_is_not_over_waits(rig: Rig, count: int) -> None:
    day = datetime.now(UTC).date() - timedelta(days=count)
    rig.change(f"UPDATE @client_live_counters SET \"current_date\" = '{day + timedelta(days=1)}'")
    rig.run()
    result, why = rig.result("client_live_counters", ACME)
    assert result == "conflict"
    assert "not over" in why


def test_an_entry_of_ours_in_an_imported_day_stays(rig: Rig) -> None:
    """The writer adds it to the sealed rows; from then on the day is not imported anew."""
    rig.run()
    day = date(2025, 7, 2)
    writer = LedgerWriter(rig.db, owner="test")
    writer.start()
    hold = make_hold(ACME, day=day, month="2025-07")
    writer.place(hold).result(10)
    assert writer.settle(hold, make_entry(hold, day=day, billed_pusd=5)).result(10)
    assert writer.stop(timeout_s=10) == 0
    assert days(rig, ACME)["2025-07-02"][3] == 390_000_000_005
    with transaction(rig.db):
        # As retention leaves it.
        write(rig.db, UsageLedger.delete())
    report = rig.run()
    assert rig.result("client_daily_usage", f"{ACME}:2025-07-02")[0] == "conflict"
    assert all(check.is_explained for check in report.checks)
    assert days(rig, ACME)["2025-07-02"][3] == 390_000_000_005
    assert spent(rig, ACME) == {"2025-07": 611_000_000_005}


def test_numbers_that_changed_there_are_imported_anew(rig: Rig) -> None:
    rig.run()
    rig.change("UPDATE @client_daily_usage SET markup_cost = 0.14 WHERE id = 'f3b9d0c2'")
    report = rig.run()
    assert report.is_complete
    assert rig.result("client_daily_usage", "f3b9d0c2") == ("imported", "")
    assert spent(rig, ACME) == {"2025-07": 621_000_000_000}
    assert days(rig, ACME)["2025-07-01"][3] == 140_000_000_000


BROKEN = [
    ("client_daily_usage", "f3b9d0c2", "raw_cost = -0.1", "raw_cost is"),
    ("client_daily_usage", "f3b9d0c2", "markup_cost = 10000000", "markup_cost is 10000000"),
    ("client_daily_usage", "f3b9d0c2", "raw_cost = NULL", "raw_cost is None"),
    ("client_daily_usage", "f3b9d0c2", "total_tokens = -1", "total_tokens is -1"),
    ("client_daily_usage", "f3b9d0c2", "total_requests = NULL", "total_requests is None"),
    ("client_daily_usage", "f3b9d0c2", "usage_date = '1970-01-01'", "usage_date is"),
    ("client_daily_usage", "f3b9d0c2", "client_org_id = 'nobody'", "client_org_id is 'nobody'"),
    ("client_daily_usage", "f3b9d0c2", "client_org_id = NULL", "client_org_id is None"),
    ("client_user_daily_usage", "u1", "user_id = NULL", "user_id is None"),
    ("client_user_daily_usage", "u1", "usage_date = '2025-08-01'", "without a row"),
    ("client_model_daily_usage", "m1", "model_name = ''", "model_name is ''"),
    ("client_organizations", ACME, "markup_rate = -1", "markup_rate is"),
    ("client_organizations", ACME, "markup_rate = NULL", "markup_rate is None"),
    ("client_organizations", ACME, "monthly_limit = -5", "monthly_limit is"),
    ("client_organizations", ACME, "name = ' '", "name is ' '"),
    ("client_organizations", ACME, "is_active = 7", "is_active is 7"),
    ("user_client_mapping", "ada_acme", "user_id = NULL", "user_id is None"),
    ("user_client_mapping", "ada_acme", "created_at = -1", "created_at is -1"),
    ("processed_generations", "gen-1751328000-a", "total_cost = -1", "total_cost is"),
    ("processed_generations", "gen-1751328000-a", "generation_date = NULL", "generation_date is"),
    ("global_settings", "global/default_markup_rate", "default_markup_rate = -1", "default_markup"),
    ("global_settings", "global/billing_currency", "billing_currency = 'zł'", "billing_currency"),
]


@pytest.mark.parametrize(("table", "row_id", "change", "why"), BROKEN)
def test_a_broken_row_is_named_and_does_not_stop_the_rest(
    sqlite_rig: Rig, table: str, row_id: str, change: str, why: str
) -> None:
    key = row_id.partition("/")[0]
    sqlite_rig.change(f"UPDATE @{table} SET {change} WHERE id = '{key}'")
    report = sqlite_rig.run()
    assert sqlite_rig.result(table, row_id)[0] == "broken"
    assert why in sqlite_rig.result(table, row_id)[1]
    assert not report.is_complete
    assert days(sqlite_rig, ZETA)["2025-07-01"] == (1, 5, 250_000, 300_000)


def test_nan_and_infinity_are_not_money(rig: Rig) -> None:
    # SQLite keeps what is no number as a text, and has no literal for infinity.
    rig.change("UPDATE @client_daily_usage SET raw_cost = 'NaN' WHERE id = 'f3b9d0c2'")
    other = f"{ACME}:2025-07-02"
    infinite = "'Infinity'" if rig.db.__class__.__name__ != "SqliteDatabase" else "9e999"
    rig.change(f"UPDATE @client_daily_usage SET markup_cost = {infinite} WHERE id = '{other}'")
    report = rig.run()
    assert rig.result("client_daily_usage", "f3b9d0c2")[0] == "broken"
    assert rig.result("client_daily_usage", other)[0] == "broken"
    assert list(days(rig, ACME)) == ["2025-07-03"]
    check = next(one for one in report.checks if one.kind is UsageKind.DAY)
    assert (check.unreadable, check.is_equal, check.is_explained) == (2, False, True)


@pytest.mark.parametrize("text", ["2025-02-30", "yesterday", "", 20250701, "2025-07-01 13:00:00"])
def test_dates_only_sqlite_lets_stand(sqlite_rig: Rig, text: object) -> None:
    sqlite_rig.change(f"UPDATE @client_daily_usage SET usage_date = {text!r} WHERE id = 'f3b9d0c2'")
    sqlite_rig.run()
    result, why = sqlite_rig.result("client_daily_usage", "f3b9d0c2")
    assert (result, why.startswith("usage_date is ")) == ("broken", True)


def test_an_organization_can_do_without_some_of_its_fields(rig: Rig) -> None:
    rig.change(
        "UPDATE @client_organizations SET billing_email = 'nobody', timezone = 'Mars/Olympus',"
        f" created_at = 5, openrouter_api_key = 'a secret' WHERE id = '{ACME}'"
    )
    rig.run()
    result, why = rig.result("client_organizations", ACME)
    assert result == "partly"
    for name in ("billing_email", "timezone", "created_at", "openrouter_api_key"):
        assert f"without {name}: " in why
    assert "a secret" not in why
    assert rig.organization(ACME).time_zone == "UTC"
    assert len(days(rig, ACME)) == 3


@pytest.mark.parametrize(
    ("stored", "rate_micro"),
    [("1.3000000000000003", 1_300_000), ("1.123456", 1_123_456), ("1", 1_000_000)],
)
def test_markups_are_exact(rig: Rig, stored: str, rate_micro: int) -> None:
    rig.change(f"UPDATE @client_organizations SET markup_rate = {stored} WHERE id = '{ACME}'")
    rig.run()
    with session(rig.db):
        query = PricingRule.select().where(PricingRule.organization_id == ACME)
        assert [row.rate_micro for row in query.bind(rig.db)] == [rate_micro]


def test_a_markup_with_more_decimals_than_there_are_is_not_rounded(rig: Rig) -> None:
    rig.change(f"UPDATE @client_organizations SET markup_rate = 1.1234567 WHERE id = '{ACME}'")
    rig.run()
    assert rig.result("client_organizations", ACME)[0] == "broken"
    # What belongs to it is reported with it, row by row.
    assert rig.result("client_daily_usage", "f3b9d0c2")[0] == "broken"
    assert rig.organization(ACME) is None


def test_without_a_vault_keys_are_left_out_and_come_later(rig: Rig) -> None:
    report = rig.run(**without_vault())
    result, why = rig.result("client_organizations", ACME)
    assert result == "partly"
    assert "MAI_USAGE_ENCRYPTION_KEYS" in why
    assert rig.result("global_settings", "global/openrouter_provisioning_key")[0] == "broken"
    assert not report.is_complete
    assert rig.organization(ACME).key.secret is None
    assert KEY not in repr(rig.contents())
    again = rig.run()
    assert again.is_complete
    assert rig.result("client_organizations", ACME) == ("imported", "")
    assert rig.organization(ACME).key.secret == KEY
    rig.run()
    assert rig.result("client_organizations", ACME) == ("unchanged", "")


def test_no_key_stands_anywhere_in_plain_text(rig: Rig) -> None:
    report = rig.run()
    said = "".join([*map(json_of, rig.rows), *lines_of(report), repr(rig.contents())])
    assert KEY not in said
    assert MANAGEMENT_KEY not in said
    assert len(KeyRows(rig.db, KeyRing([RING])).all_facts()) == 1


def test_a_key_that_another_organization_has(rig: Rig) -> None:
    rig.run()
    rig.change(
        "INSERT INTO @client_organizations (id, name, openrouter_api_key, openrouter_key_hash,"
        f" markup_rate) SELECT 'twin', 'Twin', '{KEY}x', 'b2', 1.3"
    )
    rig.run()
    assert rig.organization("twin").key.secret == KEY + "x"
    rig.change(
        "INSERT INTO @client_organizations (id, name, openrouter_api_key, markup_rate)"
        f" SELECT 'third', 'Third', '{KEY}y', 1.3"
    )
    ImportRows(rig.db, KeyRing([RING]))
    rig.change(
        "UPDATE @client_organizations SET openrouter_key_hash ="
        f" '{KeyRows(rig.db, KeyRing([RING])).all_facts()[0].key.hash}' WHERE id = 'third'"
    )
    rig.run()
    result, why = rig.result("client_organizations", "third")
    assert (result, "has this key already" in why) == ("partly", True)


@pytest.mark.parametrize("odd", ["default", "unassigned", "ein name/mit allem", "x" * 200])
def test_ids_that_do_not_fit_become_stable_ones(rig: Rig, odd: str) -> None:
    for table, column in (
        ("client_organizations", "id"),
        ("client_daily_usage", "client_org_id"),
    ):
        rig.change(f"UPDATE @{table} SET {column} = '{odd}' WHERE {column} = '{ZETA}'")
    rig.run()
    (made,) = [row.target_id for row in rig.trail() if row.target_id.startswith("legacy_")]
    assert days(rig, made) == {"2025-07-01": (1, 5, 250_000, 300_000)}
    before = rig.contents()
    rig.run()
    assert rig.contents() == before


def mapping(rig: Rig, row_id: str, user: str, organization: str, updated: int, said: str) -> None:
    rig.change(
        f"INSERT INTO @user_client_mapping VALUES ('{row_id}', '{user}', '{organization}',"
        f" {said}, 1, 1751328000, {updated})"
    )


def test_the_newest_of_several_active_mappings_wins(rig: Rig) -> None:
    # One is in milliseconds and the older one all the same.
    mapping(rig, "cleo_1", "cleo", ACME, 1_751_400_000_000, "NULL")
    mapping(rig, "cleo_2", "cleo", ZETA, 1_751_500_000, "NULL")
    report = rig.run()
    assert [one.organization_id for one in MemberRows(rig.db).history("cleo")] == [ZETA]
    assert rig.result("user_client_mapping", "cleo_2") == ("imported", "")
    result, why = rig.result("user_client_mapping", "cleo_1")
    assert (result, "cleo_2" in why) == ("conflict", True)
    assert not report.is_complete


def test_names_for_openrouter_that_cannot_be_kept(rig: Rig) -> None:
    mapping(rig, "dan_1", "dan", ACME, 1_751_500_000, "'dan@acme.example'")
    mapping(rig, "eve_1", "eve", ACME, 1_751_500_000, "'u_ada'")
    rig.run()
    for row_id, user in (("dan_1", "dan"), ("eve_1", "eve")):
        result, why = rig.result("user_client_mapping", row_id)
        assert (result, "with a new openrouter_user_id" in why) == ("partly", True)
        (member,) = MemberRows(rig.db).history(user)
        assert member.openrouter_user_id is None


@pytest.mark.parametrize(("source", "moves"), [("default", True), ("admin", False)])
def test_who_is_here_already(rig: Rig, source: str, moves: bool) -> None:
    """The default organization is nobody's decision; an admin's is."""
    other = make_organization(rig.db, "Other")
    present = Member(
        organization_id=other,
        user_id="ada",
        role=Role.MEMBER,
        valid_from_ms=ms("2025-12-01"),
        valid_to_ms=None,
        source=source,
        created_at_ms=ms("2025-12-01"),
    )
    MemberRows(rig.db).add(present)
    rig.run()
    now = MemberRows(rig.db).current("ada", at_ms=2**52)
    assert now is not None
    assert now.organization_id == (ACME if moves else other)
    expected = "imported" if moves else "conflict"
    assert rig.result("user_client_mapping", "ada_acme")[0] == expected
    before = rig.contents()
    rig.run()
    assert rig.contents() == before


def test_an_admins_move_after_the_import_stays(rig: Rig) -> None:
    rig.run()
    store = MemberRows(rig.db)
    (ada,) = store.history("ada")
    store.end(ada, at_ms=ms("2025-12-01"))
    rig.run()
    assert rig.result("user_client_mapping", "ada_acme") == ("unchanged", "")
    assert len(store.history("ada")) == 1


def test_settings_that_are_set_stay(rig: Rig) -> None:
    rig.run(DEFAULT_MARKUP_RATE="1.5", BILLING_CURRENCY="EUR")
    assert rig.result("global_settings", "global/default_markup_rate")[0] == "skipped"
    assert rig.result("global_settings", "global/billing_currency") == ("unchanged", "")
    assert "default_markup_rate" not in SettingRows(rig.db).all()


def test_a_generation_that_both_have_counted(rig: Rig) -> None:
    other = make_organization(rig.db, "Other")
    writer = LedgerWriter(rig.db, owner="test")
    writer.start()
    hold = make_hold(other)
    writer.place(hold).result(10)
    assert writer.settle(hold, make_entry(hold, "gen-1751328000-a")).result(10)
    assert writer.stop(timeout_s=10) == 0
    rig.run()
    result, why = rig.result("processed_generations", "gen-1751328000-a")
    assert (result, "counted by both" in why) == ("conflict", True)


def test_two_rows_of_one_day(rig: Rig) -> None:
    insert = (
        "INSERT INTO @client_daily_usage (id, client_org_id, usage_date, total_tokens,"
        " total_requests, raw_cost, markup_cost, updated_at) VALUES"
    )
    rig.change(f"{insert} ('same', '{ACME}', '2025-07-01', 30, 3, 0.1, 0.13, 1751328001)")
    rig.change(f"{insert} ('newer', '{ZETA}', '2025-07-01', 9, 2, 0.2, 0.26, 1751400000)")
    report = rig.run()
    assert {rig.result("client_daily_usage", one)[0] for one in ("same", "f3b9d0c2")} == {
        "imported",
        "skipped",
    }
    assert days(rig, ZETA) == {"2025-07-01": (2, 9, 200_000_000_000, 260_000_000_000)}
    older = rig.result("client_daily_usage", f"{ZETA}_2025-07-01")
    assert older == ("conflict", "the row newer is newer and of the same day")
    checks = {check.organization: check for check in report.checks if check.kind is UsageKind.DAY}
    assert checks[ACME].is_equal
    assert (checks[ZETA].is_equal, checks[ZETA].is_explained) == (False, True)


def test_what_fails_half_way_leaves_nothing_of_its_organization(rig: Rig) -> None:
    """Somebody has taken the trail's head away, so an organization cannot be recorded."""
    rig.run(dry=True)
    with transaction(rig.db):
        rig.db.execute_sql("DELETE FROM audit_head")
    before = rig.contents()
    with pytest.raises(Exception, match="audit_head has no row"):
        rig.run(DEFAULT_MARKUP_RATE="1.25", BILLING_CURRENCY="EUR", OPENROUTER_PROVISIONING_KEY="x")
    assert rig.contents() == before
    assert [row.table for row in rig.rows] == ["global_settings"] * 3


def test_it_may_be_stopped_between_two_organizations(rig: Rig) -> None:
    from mai_usage_ext.maintenance import _legacy_import
    from mai_usage_ext.settings import Settings

    seen: list[str] = []
    with rig.source() as source:
        work = _legacy_import(Settings.from_env(rig.environ), rig.db, source)
        report = work.run(
            is_rehearsal=False,
            progress=lambda state: seen.append(f"{state.done}/{state.total} {state.organization}"),
            should_stop=lambda: bool(seen),
        )
    assert seen == ["1/2 Acme"]
    assert (report.was_interrupted, report.is_complete) == (True, False)
    assert rig.organization(ZETA) is None
    assert rig.run().is_complete
    assert rig.organization(ZETA) is not None


def test_the_report_in_words_and_in_lines(rig: Rig) -> None:
    rig.change("UPDATE @client_daily_usage SET raw_cost = -1 WHERE id = 'f3b9d0c2'")
    said = list(lines_of(rig.run()))
    assert f"{ZETA} client_daily_usage: 1 requests, 5 tokens, 0.00000025 USD raw, " in "\n".join(
        said
    )
    assert any(line.startswith("client_daily_usage f3b9d0c2: broken: raw_cost") for line in said)
    parsed = [json.loads(json_of(row)) for row in rig.rows]
    assert {"table", "id", "organization", "result", "why"} == set(parsed[0])


def test_live_counters_of_ours_are_left_alone(rig: Rig) -> None:
    rig.run()
    with session(rig.db):
        assert ClientLiveCounter.select().bind(rig.db).count() == 0
