"""Every route that reads a body refuses one that is none, and nothing is written."""

from typing import Any

import pytest

from tests.api.office import Office
from tests.api.refusals import Refusal, refused
from tests.api.routes import ROUTES, request_of

WITH_BODY = [name for name, case in ROUTES.items() if case.json is not None]
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe\xff", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "a", "name": "a"}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b'"text"', "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"name": "x"}', "text/plain", 415),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"", "multipart/form-data; boundary=x", 415),
    ],
)
def test_a_body_that_is_none(
    shared_office: Office, route: str, content: bytes, kind: str, status: int
) -> None:
    method, path, _, _ = request_of(shared_office, route)
    options: dict[str, Any] = {"content": content, "headers": {"content-type": kind}}
    refused(shared_office, Refusal(method, path, status=status), **options)


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_of_ten_megabytes(shared_office: Office, route: str) -> None:
    method, path, _, _ = request_of(shared_office, route)
    content = b'{"name": "' + b"x" * 10_000_000 + b'"}'
    refused(shared_office, Refusal(method, path, status=413), content=content, headers=JSON)


def test_a_bulk_of_two_megabytes_is_read(shared_office: Office) -> None:
    rows = b'[{"user_id": "nobody", "client_org_id": "' + b"x" * 2_000_000 + b'"}]'
    refusal = Refusal("POST", "/user-mappings/bulk", status=422, field="rows")
    refused(shared_office, refusal, content=rows, headers=JSON)
