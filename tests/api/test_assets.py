"""The front end's files: only those of the build, packed, known again, for any page to fetch."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request

from mai_usage_ext.api import content
from mai_usage_ext.api.assets import assets_router, loader_route
from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.api.content import Content, accepted_encoding
from mai_usage_ext.api.frontend import Frontend, as_literal
from mai_usage_ext.api.locale_files import LocaleFolder
from mai_usage_ext.api.usage import PREFIX
from tests.conftest import Swallowed

BUILT = BuiltFiles.open()
ENTRY = BUILT.elements["organization-usage"]
ASSETS = f"{PREFIX}/ui/assets"


def frontend_of(
    built: BuiltFiles = BUILT, *, asset_url: str | None = None, locales: Path | None = None
) -> Frontend:
    keys = frozenset(json.loads(BUILT.read("texts.en.json")))
    return Frontend(built, LocaleFolder(locales, keys), asset_url=asset_url)


def client_of(frontend: Frontend, *, host_loader: Path = Path("/nowhere")) -> TestClient:
    app = FastAPI()
    app.include_router(assets_router(frontend, prefix=PREFIX))
    app.router.routes.insert(0, loader_route(host_loader, prefix=PREFIX, frontend=frontend))
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of(frontend_of())


@pytest.mark.parametrize("name", sorted(BUILT.hashes))
def test_each_file_is_what_it_must_hash_to(client: TestClient, name: str) -> None:
    answer = client.get(f"{ASSETS}/{name}")
    assert answer.status_code == 200
    digest = base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
    assert BUILT.hashes[name] == f"sha384-{digest}"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    # Another host of ours may be what a CDN fetches them from.
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "loader.js",
        "texts.en.json",
        "..%2F__init__.py",
        "%2e%2e%2f",
        "x.js",
        "a%00",
    ],
)
def test_nothing_else_is_an_asset(client: TestClient, name: str) -> None:
    answer = client.get(f"{ASSETS}/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] in ("application/problem+json", "application/json")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip;q=0", ""),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "gzip"),
        ("identity", ""),
        ("identity;q=1, gzip;q=0.5", ""),
        ("identity;q=0, *;q=0", ""),
        ("GZIP ; Q=0.8", "gzip"),
        ("gzip;q=much", ""),
        ("gzip;q=nan", ""),
        ("gzip;q=7", ""),
        (",;,", ""),
        ("", ""),
    ],
)
def test_the_encoding_is_the_one_that_is_liked_best(accepted: str, encoding: str) -> None:
    assert accepted_encoding(accepted) == encoding


@pytest.mark.parametrize(
    ("encoding", "unpack"), [("gzip", gzip.decompress), ("br", brotli.decompress)]
)
def test_packed_bytes_are_the_same_bytes(client: TestClient, encoding: str, unpack: object) -> None:
    with client.stream("GET", f"{ASSETS}/{ENTRY}", headers={"accept-encoding": encoding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(raw)
    assert unpack(raw) == BUILT.read(ENTRY)  # type: ignore[operator]
    assert len(raw) < len(BUILT.read(ENTRY)) / 2


def test_a_file_is_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[bytes] = []

    def pack(body: bytes) -> bytes:
        packed.append(body)
        return b"small"

    monkeypatch.setitem(content._PACKERS, "gzip", pack)
    client = client_of(frontend_of())
    for _ in range(3):
        with client.stream(
            "GET", f"{ASSETS}/{ENTRY}", headers={"accept-encoding": "gzip"}
        ) as answer:
            assert b"".join(answer.iter_raw()) == b"small"
    assert len(packed) == 1


def test_without_brotli_there_is_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "brotli", None)
    assert list(content._packers()) == ["gzip"]


@pytest.mark.parametrize("accepted", ["identity", "gzip", "br"])
def test_what_is_known_is_not_sent_again(client: TestClient, accepted: str) -> None:
    headers = {"accept-encoding": accepted}
    etag = client.get(f"{ASSETS}/{ENTRY}", headers=headers).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = client.get(f"{ASSETS}/{ENTRY}", headers=headers | {"if-none-match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert "immutable" in answer.headers["cache-control"]
    answer = client.get(f"{ASSETS}/{ENTRY}", headers=headers | {"if-none-match": '"other"'})
    assert answer.status_code == 200


def test_each_encoding_has_a_tag_of_its_own(client: TestClient) -> None:
    tags = {
        client.get(f"{ASSETS}/{ENTRY}", headers={"accept-encoding": name}).headers["etag"]
        for name in ("identity", "gzip", "br")
    }
    assert len(tags) == 3


def test_head_tells_what_get_would(client: TestClient) -> None:
    head = client.head(f"{ASSETS}/{ENTRY}", headers={"accept-encoding": "gzip"})
    get = client.get(f"{ASSETS}/{ENTRY}", headers={"accept-encoding": "gzip"})
    assert head.status_code == 200
    assert head.headers == get.headers
    assert client.head(f"{ASSETS}/x.js").status_code == 404
    assert client.post(f"{ASSETS}/{ENTRY}").status_code == 405


def test_small_things_travel_as_they_are() -> None:
    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip")]}
    answer = Content(b"{}", "application/json").answer(Request(scope), {})
    assert answer.body == b"{}"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("name", ["organization-usage", "admin"])
def test_a_module_has_an_address_that_stays(client: TestClient, name: str) -> None:
    answer = client.get(f"{PREFIX}/ui/modules/{name}.js")
    assert answer.text == f'import "{ASSETS}/{BUILT.elements[name]}";\n'
    assert answer.headers["cache-control"] == "no-cache"
    assert "text/javascript" in answer.headers["content-type"]


@pytest.mark.parametrize("name", ["page", "nothing", "..%2Fadmin", "%22%3balert(1)"])
def test_no_other_module_has(client: TestClient, name: str) -> None:
    assert client.get(f"{PREFIX}/ui/modules/{name}.js").status_code == 404


def configuration(script: str) -> dict[str, object]:
    """What the loader was given: the one object literal that begins with its base."""
    start = script.index('{"base":')
    value, _end = json.JSONDecoder().raw_decode(script[start:])
    assert isinstance(value, dict)
    return value


def test_the_loader_keeps_what_the_host_had(tmp_path: Path) -> None:
    host_loader = tmp_path / "loader.js"
    host_loader.write_text("// the host's own")
    client = client_of(frontend_of(), host_loader=host_loader)
    answer = client.get("/static/loader.js")
    assert answer.text.startswith("// the host's own\n;")
    assert answer.headers["cache-control"] == "no-cache"
    assert client.head("/static/loader.js").status_code == 200

    known = {"if-none-match": answer.headers["etag"]}
    assert client.get("/static/loader.js", headers=known).status_code == 304
    host_loader.write_text("// another version")
    assert client.get("/static/loader.js", headers=known).text.startswith("// another version\n;")


def test_the_loader_is_told_all_files_with_their_hashes() -> None:
    told = configuration(frontend_of().loader(PREFIX))
    assert told["base"] == f"{ASSETS}/"
    assert told["page"] == f"{PREFIX}/ui/"
    modules = told["modules"]
    assert isinstance(modules, dict)
    for name in ("organization-usage", "admin"):
        files = [file for file, _hash in modules[name]]
        assert files[0] == BUILT.elements[name]
        assert len(set(files)) == len(files)
    # Whatever is loaded later is there under its own name.
    later = set(modules) - {"organization-usage", "admin"}
    assert all(modules[name][0][0] == name for name in later)
    assert any(name.startswith("tab-") for name in later)
    listed = {(file, integrity) for files in modules.values() for file, integrity in files}
    page = (BUILT.page, BUILT.hashes[str(BUILT.page)])
    assert listed | {page} == set(BUILT.hashes.items())
    assert told["texts"].keys() >= {"en", "pl"}  # type: ignore[attr-defined]


def test_files_may_be_elsewhere() -> None:
    told = configuration(frontend_of(asset_url="https://cdn.example.com/usage/").loader(PREFIX))
    assert told["base"] == "https://cdn.example.com/usage/"
    assert told["page"] == f"{PREFIX}/ui/"


def test_what_an_operator_calls_the_tabs_is_told_too(tmp_path: Path) -> None:
    texts = {"loader.tab": "Verbrauch </script>\u2028", "usage.title": "x", "loader.odd": {}}
    (tmp_path / "de.json").write_text(json.dumps(texts))
    (tmp_path / "fr.json").write_text('{"usage.title": "x"}')
    script = frontend_of(locales=tmp_path).loader(PREFIX)
    assert "</script>" not in script
    told = configuration(script)["texts"]
    assert told["de"] == {"loader.tab": "Verbrauch </script>\u2028"}  # type: ignore[index]
    assert "fr" not in told  # type: ignore[operator]


def test_a_literal_is_one_in_scripts_and_in_html() -> None:
    written = as_literal({"a": "</script><!--\u2028\u2029é"})
    assert not re.search(r"[<\u2028\u2029]", written)
    assert json.loads(written) == {"a": "</script><!--\u2028\u2029é"}


def test_where_nothing_was_built_the_host_goes_on(tmp_path: Path, swallowed: Swallowed) -> None:
    host_loader = tmp_path / "loader.js"
    host_loader.write_text("// the host's own\n")
    empty = BuiltFiles(tmp_path / "empty", {"entries": {}, "lazy": {}, "files": {}, "texts": {}})
    client = client_of(frontend_of(empty), host_loader=host_loader)
    assert client.get(f"{ASSETS}/{ENTRY}").status_code == 404
    assert client.get("/static/loader.js").text == "// the host's own\n"
    swallowed.expect("reading our loader")
