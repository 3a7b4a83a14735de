"""What a key's limit is divided by."""

from __future__ import annotations

from mai_usage_ext.services.key_terms import KeyPolicy
from mai_usage_ext.storage.models import PricingRule
from mai_usage_ext.storage.sessions import transaction, write
from tests.services.key_rig import NOON, PICO, KeyRig

DAY_MS = 86_400_000


def limit_of(rig: KeyRig, organization_id: str) -> int | None:
    facts = rig.facts(organization_id)
    return KeyPolicy(rig.store, clock=rig.clock).terms(facts, name="any").limit_pusd


async def test_an_organization_made_this_month_has_its_markup_from_the_start(rig: KeyRig) -> None:
    acme = rig.organization(monthly_limit_pusd=130 * PICO)
    with transaction(rig.db):
        write(rig.db, PricingRule.update(effective_from_ms=NOON - DAY_MS))

    assert limit_of(rig, acme) == 100 * PICO


async def test_a_month_with_two_markups_counts_by_the_lower_one(rig: KeyRig) -> None:
    acme = rig.organization(monthly_limit_pusd=130 * PICO)
    rig.rule(acme, 2_600_000, from_ms=NOON - DAY_MS)

    assert limit_of(rig, acme) == 100 * PICO
