"""The page of our own: what it may load, and what it tells its script."""

import json
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.api.own_page import page_router
from mai_usage_ext.api.usage import ALIAS, PREFIX
from tests.api.test_assets import frontend_of

BUILT = BuiltFiles.open()
CDN = "https://cdn.example.com:8443/usage/"


def client_of(asset_url: str | None = None, built: BuiltFiles = BUILT) -> TestClient:
    app = FastAPI()
    frontend = frontend_of(built, asset_url=asset_url)
    for prefix in (PREFIX, ALIAS):
        app.include_router(page_router(frontend, prefix=prefix))
    return TestClient(app, raise_server_exceptions=False)


def policy_of(header: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


@pytest.mark.parametrize("prefix", [PREFIX, ALIAS])
def test_the_page_names_its_script_with_its_hash(prefix: str) -> None:
    answer = client_of().get(f"{prefix}/ui/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    [script] = re.findall(r'<script type="module" src="([^"]+)" integrity="([^"]+)"', answer.text)
    assert script == (f"{prefix}/ui/assets/{BUILT.page}", BUILT.hashes[str(BUILT.page)])
    [config] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', answer.text)
    assert json.loads(config)["base"] == f"{prefix}/ui/assets/"
    assert answer.text.count("<script") == 2


def test_it_may_load_nothing_but_ours() -> None:
    headers = client_of().get(f"{PREFIX}/ui/").headers
    policy = policy_of(headers["content-security-policy"])
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"


def test_a_cdn_may_give_modules_but_not_the_script_itself() -> None:
    answer = client_of(CDN).get(f"{PREFIX}/ui/")
    policy = policy_of(answer.headers["content-security-policy"])
    assert policy["script-src"] == "'self' https://cdn.example.com:8443"
    assert f'src="{PREFIX}/ui/assets/{BUILT.page}"' in answer.text
    assert f'"base":"{CDN}"' in answer.text


def test_it_is_not_sent_again() -> None:
    client = client_of()
    etag = client.get(f"{PREFIX}/ui/").headers["etag"]
    assert client.get(f"{PREFIX}/ui/", headers={"if-none-match": etag}).status_code == 304
    assert client.head(f"{PREFIX}/ui/").status_code == 200


@pytest.mark.parametrize("prefix", [PREFIX, ALIAS])
def test_without_the_slash_it_leads_there(prefix: str) -> None:
    answer = client_of().get(f"{prefix}/ui", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, f"{prefix}/ui/")


def test_where_it_was_not_built_it_is_not_there() -> None:
    answer = client_of(built=BuiltFiles.nothing()).get(f"{PREFIX}/ui/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
