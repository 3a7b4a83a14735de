"""The webhooks' tables: made, taken back, and their secrets sealed anew."""

from peewee import Database

from mai_usage_ext.migrations import m0012_webhooks
from mai_usage_ext.services.resealing import reseal
from mai_usage_ext.storage.sealed import SealedRows
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.vault import KeyRing
from mai_usage_ext.storage.webhook_endpoints import EndpointRows, bound_to, opened_secrets
from mai_usage_ext.storage.webhook_models import WebhookEndpoint

OLD, RING = KeyRing(["an old key"]), KeyRing(["a new key", "an old key"])
NEW = KeyRing(["a new key"])


def test_the_migration_goes_both_ways(db: Database) -> None:
    with transaction(db):
        m0012_webhooks.down(db)
    assert not [name for name in db.get_tables() if name.startswith("webhook_")]
    with transaction(db):
        m0012_webhooks.up(db)
        m0012_webhooks.check(db, m0012_webhooks.measure(db))
    EndpointRows(db, OLD).create("wh_1", {"url": "https://x"}, secret="whsec_eA==", now_ms=1)


def test_secrets_are_sealed_anew(db: Database) -> None:
    rows = EndpointRows(db, OLD)
    for number in range(3):
        name = f"wh_{number}"
        rows.create(name, {"url": "https://x"}, secret=f"whsec_{number}", now_ms=1)
    rows.rotate("wh_1", secret="whsec_other", until_ms=100, now_ms=2)
    gone = KeyRing(["a key that is gone"]).seal("x", bound_to=bound_to("wh_2"))
    query = WebhookEndpoint.update(secret_ciphertext=gone)
    with transaction(db):
        write(db, query.where(WebhookEndpoint.id == "wh_2"))

    result = reseal(SealedRows(db), RING)
    assert (result.total, result.done, result.skipped) == (4, 3, 0)
    assert result.unreadable == ("webhook_endpoints/wh_2",)
    again = reseal(SealedRows(db), RING)
    assert (again.done, again.skipped, len(again.unreadable)) == (0, 3, 1)

    with session(db):
        found = {row.id: row for row in WebhookEndpoint.select().bind(db)}
    assert opened_secrets(NEW, found["wh_0"], now_ms=3) == ("whsec_0",)
    assert opened_secrets(NEW, found["wh_1"], now_ms=99) == ("whsec_other", "whsec_1")
    assert opened_secrets(NEW, found["wh_1"], now_ms=100) == ("whsec_other",)
    assert opened_secrets(NEW, found["wh_2"], now_ms=3) == ()


def test_a_secret_cannot_be_read_in_the_database(db: Database) -> None:
    EndpointRows(db, OLD).create("wh_1", {"url": "https://x"}, secret="whsec_eA==", now_ms=1)
    with session(db):
        [row] = WebhookEndpoint.select().bind(db).tuples()
    assert "whsec_" not in str(row)
