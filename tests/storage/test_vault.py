"""Sealing and opening: rings, rows, forgeries, and nothing to see."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.ports import NoVault
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.vault import KeyRing, looks_sealed, vault_of

SECRET = "sk-or-v1-0123456789abcdef"
OLD, NEW, HOST = "an old key of the ring", "a new key of the ring", "the host's own secret"
ROW = "client_organizations/acme/openrouter_key"


def settings(**environ: str) -> Settings:
    return Settings.from_env(environ)


def test_what_was_sealed_opens_again() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(SECRET, bound_to=ROW)
    version, key_id, nonce, text = sealed.split(".")
    assert (version, len(key_id), len(nonce)) == ("v1", 8, 16)
    assert SECRET not in sealed
    assert text
    assert ring.open(sealed, bound_to=ROW) == SECRET
    assert ring.is_current(sealed)
    assert looks_sealed(sealed)


def test_the_same_secret_never_looks_the_same() -> None:
    ring = KeyRing([NEW])
    assert len({ring.seal(SECRET, bound_to=ROW) for _ in range(100)}) == 100


def test_another_row_opens_nothing() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(SECRET, bound_to=ROW)
    assert ring.open(sealed, bound_to=ROW.replace("acme", "evil")) is None


def test_an_old_key_of_the_ring_still_opens() -> None:
    sealed = KeyRing([OLD]).seal(SECRET, bound_to=ROW)
    ring = KeyRing([NEW, OLD])
    assert ring.open(sealed, bound_to=ROW) == SECRET
    assert not ring.is_current(sealed)
    assert ring.is_current(ring.seal(SECRET, bound_to=ROW))
    assert KeyRing([NEW]).open(sealed, bound_to=ROW) is None


@given(position=st.integers(min_value=0), letter=st.sampled_from("aZ_0-.é"))
def test_a_text_with_one_letter_changed_opens_nothing(position: int, letter: str) -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(SECRET, bound_to=ROW)
    position %= len(sealed)
    forged = sealed[:position] + letter + sealed[position + 1 :]
    assert ring.open(forged, bound_to=ROW) in ((SECRET,) if forged == sealed else (None,))


@given(text=st.one_of(st.text(), st.none(), st.integers(), st.binary()))
def test_nothing_makes_it_raise(text: object) -> None:
    ring = KeyRing([NEW])
    assert ring.open(text, bound_to=ROW) is None  # type: ignore[arg-type]
    assert not ring.is_current(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["v1...", "v2.a.b.c", "v1.deadbeef.AAAA.AAAA", "v1.x.y", ""])
def test_texts_that_are_nearly_sealed(text: str) -> None:
    assert KeyRing([NEW]).open(text, bound_to=ROW) is None


def test_from_the_hosts_secret_to_a_ring_of_its_own() -> None:
    before = vault_of(settings(WEBUI_SECRET_KEY=HOST))
    sealed = before.seal(SECRET, bound_to=ROW)
    after = vault_of(settings(WEBUI_SECRET_KEY=HOST, MAI_USAGE_ENCRYPTION_KEYS=f"{NEW},{OLD}"))
    assert after.open(sealed, bound_to=ROW) == SECRET
    assert not after.is_current(sealed)
    assert KeyRing([NEW]).is_current(after.seal(SECRET, bound_to=ROW))


def test_without_any_key_nothing_is_sealed_and_nothing_opened() -> None:
    vault = vault_of(settings())
    assert isinstance(vault, NoVault)
    with pytest.raises(ConfigurationError, match="MAI_USAGE_ENCRYPTION_KEYS"):
        vault.seal(SECRET, bound_to=ROW)
    assert vault.open(KeyRing([NEW]).seal(SECRET, bound_to=ROW), bound_to=ROW) is None


def test_no_secret_is_to_be_seen() -> None:
    ring = KeyRing([NEW, OLD])
    shown = repr(ring) + str(ring) + json.dumps(str(vars(ring)))
    for secret in (NEW, OLD, SECRET):
        assert secret not in shown
    with pytest.raises(TypeError):
        pickle.dumps(ring)
