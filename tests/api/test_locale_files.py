"""Languages that an operator drops in: what holds of them, and what is said of the rest."""

import json
import logging
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.api.frontend import Frontend
from mai_usage_ext.api.locale_files import LocaleFolder
from mai_usage_ext.api.own_page import page_router
from mai_usage_ext.api.usage import PREFIX

KEYS = frozenset({"usage.title", "usage.calls", "loader.tab"})
GERMAN = {"usage.title": "Verbrauch", "usage.calls": {"one": "{count} Aufruf", "other": "…"}}


def client_of(folder: Path | None) -> TestClient:
    app = FastAPI()
    frontend = Frontend(BuiltFiles.open(), LocaleFolder(folder, KEYS))
    app.include_router(page_router(frontend, prefix=PREFIX))
    return TestClient(app, raise_server_exceptions=False)


def texts_of(client: TestClient, tag: str) -> object:
    answer = client.get(f"{PREFIX}/ui/locales/{tag}.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=60"
    return answer.json()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "de.json").write_text(json.dumps(GERMAN), "utf-8")
    return tmp_path


@pytest.mark.parametrize("tag", ["de", "DE", "de-AT", "de-Latn-AT"])
def test_a_language_is_found_by_what_narrows_it_down(folder: Path, tag: str) -> None:
    assert texts_of(client_of(folder), tag) == GERMAN


def test_the_narrower_file_wins(folder: Path) -> None:
    (folder / "de-AT.json").write_text('{"usage.title": "Jänner"}')
    client = client_of(folder)
    assert texts_of(client, "de-at") == {"usage.title": "Jänner"}
    assert texts_of(client, "de-CH") == GERMAN


@pytest.mark.parametrize("tag", ["fr", "d", "de_AT", "..", "de--AT", "de%00", "x" * 99])
def test_no_such_language_is_no_error(folder: Path, tag: str) -> None:
    assert texts_of(client_of(folder), tag) == {}


def test_no_folder_is_no_error(tmp_path: Path) -> None:
    assert texts_of(client_of(None), "de") == {}
    assert texts_of(client_of(tmp_path / "gone"), "de") == {}
    [problem] = LocaleFolder(tmp_path / "gone", KEYS).problems()
    assert "is no folder that can be read" in problem


def test_nobody_gets_out_of_the_folder(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    client = client_of(inner)
    for path in ("..%2fde", "../de", "%2e%2e/de"):
        answer = client.get(f"{PREFIX}/ui/locales/{path}.json")
        assert answer.status_code == 404 or answer.json() == {}


def test_english_is_a_template_for_translators(folder: Path) -> None:
    template = texts_of(client_of(folder), "en")
    assert isinstance(template, dict)
    assert template["loader.tab"] == "Organization usage"
    assert {key.partition(".")[0] for key in template} >= {"loader", "page", "usage"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"usage.title": "x",\n  oops}', "no JSON at line 2, column 3"),
        (b"", "no JSON at line 1, column 1"),
        (b'["usage.title"]', "holds no object of texts"),
        (b'{"usage.title": "\xff"}', "not UTF-8 at byte 17"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"usage.title": "' + b"x" * 1_000_000 + b'"}', "longer than 1,000,000 bytes"),
    ],
)
def test_a_broken_file_is_named_once_with_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, said: str
) -> None:
    path = tmp_path / "de.json"
    path.write_bytes(content)
    client = client_of(tmp_path)
    with caplog.at_level(logging.WARNING, "mai_usage_ext"):
        assert texts_of(client, "de") == {}
        assert texts_of(client, "de") == {}
    [line] = [record.getMessage() for record in caplog.records if str(path) in record.getMessage()]
    assert said in line


def test_what_cannot_be_used_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {
        "usage.title": "<img src=x onerror=alert(1)>",
        "usage.calls": {"one": "no other"},
        "loader.tab": 7,
        **{f"old.key{number}\n": "x" for number in range(7)},
    }
    (tmp_path / "de.json").write_text(json.dumps(odd))
    with caplog.at_level(logging.WARNING, "mai_usage_ext"):
        # A text is never HTML, so its markup is what the reader sees.
        assert texts_of(client_of(tmp_path), "de") == {"usage.title": odd["usage.title"]}
    unknown, unusable = (record.getMessage() for record in caplog.records)
    assert "these are not texts of ours: 'old.key0\\n'" in unknown
    assert unknown.endswith("and 2 more")
    assert "\n" not in unknown
    assert "neither a text nor plural forms with `other`: 'loader.tab', 'usage.calls'" in unusable


@pytest.mark.parametrize("forms", [{"other": 1}, {"other": "x", "lots": "y"}, {}, []])
def test_plural_forms_are_those_of_a_language(tmp_path: Path, forms: object) -> None:
    (tmp_path / "de.json").write_text(json.dumps({"usage.calls": forms, "usage.title": "x"}))
    assert texts_of(client_of(tmp_path), "de") == {"usage.title": "x"}


def test_a_changed_file_holds_at_once(folder: Path) -> None:
    client = client_of(folder)
    address = f"{PREFIX}/ui/locales/de.json"
    first = client.get(address)
    known = {"if-none-match": first.headers["etag"]}
    assert client.get(address, headers=known).status_code == 304
    (folder / "de.json").write_text('{"usage.title": "Neu"}')
    assert client.get(address, headers=known).json() == {"usage.title": "Neu"}
    (folder / "de.json").unlink()
    assert client.get(address).json() == {}


def test_a_folder_named_like_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "de.json").mkdir()
    [problem] = LocaleFolder(tmp_path, KEYS).problems()
    assert "de.json: it cannot be read" in problem
