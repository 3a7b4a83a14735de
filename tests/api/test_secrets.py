"""No answer, log line, table or error ever shows a key: all there is is searched for them."""

import json
import logging

import pytest

from mai_usage_ext.simulator.auth import new_secret
from tests.api.office import Office
from tests.api.routes import ROUTES, request_of


def test_no_key_is_seen_anywhere(any_office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    unknown, other_management = new_secret(), new_secret()
    answers = []

    def ask(method: str, path: str, **options: object) -> None:
        answer = any_office.ask("admin", method, path.format_map(any_office.places), **options)
        answers.append(f"{answer.headers} {answer.text}")

    key = "/clients/{unkeyed}/key"
    ask("PUT", key, json={"key": unknown})
    ask("PUT", key, json={"key": [unknown]})
    ask("PUT", key, json={"secret": unknown})
    ask("PUT", key, content=json.dumps({"key": unknown})[:-1])
    for status in (400, 401, 402, 403, 404, 429, 500):
        any_office.simulator.switch(management_status=status)
        ask("PUT", key, json={"key": any_office.places["spare"]})
        ask("POST", f"{key}/provision")
        ask("POST", "/clients/{bakery}/key/rotate")
        ask("POST", "/clients/{bakery}/key/disable")
        ask("POST", "/clients/{bakery}/key/enable")
        ask("POST", "/clients", json={"name": f"Firm {status}"})
        ask("POST", "/keys/check")
    any_office.simulator.service.panel.reset()
    ask("PUT", key, json={"key": any_office.places["spare"]})
    for route in ROUTES:
        method, path, _, options = request_of(any_office, route)
        ask(method, path, **options)
    for value in (other_management, f"{other_management} ", [other_management]):
        ask("POST", "/settings", json={"openrouter_provisioning_key": value, "timezone": "Mars"})
        ask("POST", "/settings", json={"openrouter_provisioning_key": value})
    ask("GET", "/settings")
    ask("GET", "/audit?limit=200")

    secrets = any_office.secrets() | {unknown, other_management}
    assert len(secrets) >= 5
    seen = [*answers, caplog.text, repr(any_office.tables()), repr(any_office.services)]
    assert not [secret for secret in secrets if any(secret in text for text in seen)]
