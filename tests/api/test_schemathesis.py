"""Our own OpenAPI, judged by somebody else's program: what it allows, refuses and promises holds.

Requests are made up from the schema, right and wrong ones, and sent as an admin. Left out are the
checks that want every value of the right shape accepted (a time zone must also exist) and 405 for
other methods (below the prefix everything unknown is 404).
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mai_usage_ext.api.usage import PREFIX
from tests.api.office import Office, open_office
from tests.api.routes import ROUTES, filled

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(f"sqlite:///{tmp_path_factory.mktemp('office')}/usage.db") as opened:
        opened.furnish()
        opened.assign("admin", "bakery")
        yield opened


@pytest.fixture(scope="module")
def api(office: Office) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", office.app)


def test_the_schema_knows_every_route(office: Office) -> None:
    paths = office.app.openapi()["paths"]
    described = {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in paths.items()
        for method in methods
    }
    assert described == set(ROUTES)
    for methods in paths.values():
        for operation in methods.values():
            assert operation["summary"]
            assert {"401", "403", "404", "429", "503"} <= set(operation["responses"])


def has_wrong_requests(route: str) -> bool:
    """Whether there is anything to be wrong about: a body, or a parameter that is not just a text.

    Rows of a bulk are judged one by one, in an answer that says so.
    """
    with_parameters = ("GET /clients", "GET /keys", "GET /user-mappings", "GET /audit")
    is_read = ROUTES[route].json is not None and not route.endswith("/bulk")
    with_parameters += ("GET /usage/report", "GET /usage/activity")
    return is_read or route in (*with_parameters, "GET /limits/events")


RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
# Made-up ids soon end at 404, so the other requests are about what is there.
TRIALS = [
    *(pytest.param(route, RIGHT, False, id=f"{route} right") for route in ROUTES),
    *(
        pytest.param(route, RIGHT, True, id=f"{route} right, there")
        for route, case in ROUTES.items()
        if case.places
    ),
    *(
        pytest.param(route, WRONG, True, id=f"{route} wrong")
        for route in ROUTES
        if has_wrong_requests(route)
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("route", "mode", "is_there"), TRIALS)
def test_the_schema_holds(
    office: Office, api: Any, route: str, mode: GenerationMode, is_there: bool
) -> None:
    method, _, path = route.partition(" ")
    operation = api[PREFIX + path][method]
    places = filled(office, ROUTES[route].places) if is_there else None

    @settings(
        max_examples=20,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode, path_parameters=places))
    def conforms(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"x-user": "admin"}, checks=CHECKS)

    conforms()
