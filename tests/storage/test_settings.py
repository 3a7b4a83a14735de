"""The rows of settings that the database holds."""

import threading
from decimal import Decimal

import pytest
from peewee import Database

from mai_usage_ext.ports import StoredSetting
from mai_usage_ext.storage.models import UsageSetting
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.settings import SettingRows

AT_MS = 1_768_903_200_000


def test_a_value_comes_back_as_json_has_it(db: Database) -> None:
    rows = SettingRows(db)
    assert rows.all() == {}
    values = {"a": "1.3", "b": [80, 90], "c": {"żółć": "<b>'"}, "d": 250, "e": None}
    for name, value in values.items():
        rows.put(name, value, now_ms=AT_MS, by="grace")
    assert {name: row.value for name, row in rows.all().items()} == values
    assert rows.all()["a"] == StoredSetting(
        name="a", value="1.3", updated_at_ms=AT_MS, updated_by="grace"
    )


def test_a_second_value_replaces_the_first_and_removing_is_final(db: Database) -> None:
    rows = SettingRows(db)
    rows.put("a", 1, now_ms=AT_MS, by="grace")
    rows.put("a", 2, now_ms=AT_MS + 1, by="ada")
    assert rows.all()["a"] == StoredSetting(
        name="a", value=2, updated_at_ms=AT_MS + 1, updated_by="ada"
    )
    rows.remove("a")
    rows.remove("a")
    assert rows.all() == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.30", Decimal("1.30")),
        ("not json", {"unreadable": "not json"}),
        ("NaN", {"unreadable": "NaN"}),
        ("", {"unreadable": ""}),
    ],
)
def test_what_a_hand_wrote_is_read_exactly_or_marked(
    db: Database, text: str, value: object
) -> None:
    query = UsageSetting.insert(name="a", value=text, updated_at_ms=AT_MS, updated_by="hand")
    with transaction(db):
        write(db, query)
    assert SettingRows(db).all()["a"].value == value


def test_who_holds_the_lock_is_alone(db: Database) -> None:
    """Each of several threads adds one to what it read; none of the additions is lost."""
    rows = SettingRows(db)
    rows.put("a", 0, now_ms=AT_MS, by="grace")
    begin = threading.Barrier(4)

    def add_one() -> None:
        begin.wait()
        for _ in range(10):
            with transaction(db):
                rows.lock()
                rows.put("a", rows.all()["a"].value + 1, now_ms=AT_MS, by="grace")

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows.all()["a"].value == 40
