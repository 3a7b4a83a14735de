"""The host's users as our services see them, on the newest host and the oldest."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext.demo.accounts import Account, Accounts
from mai_usage_ext.demo.host_process import LOOPBACK, HostProcess
from tests.host.theatre import PASSWORD
from tests.workshop.hosts import OLDEST
from tests.workshop.shell import ROOT

pytestmark = pytest.mark.host

Ask = Callable[..., Any]


class HostWithWindow(HostProcess):
    """Without the extension, and with the routes of ``people_app``."""

    def command(self) -> Sequence[str]:
        where = ["--host", LOOPBACK, "--port", str(self.port)]
        app = ["--app-dir", str(ROOT), "tests.host.people_app:app"]
        return [str(self.python), "-m", "uvicorn", *app, *where]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    folder = tmp_path_factory.mktemp("people")
    # Nobody is called upstream here.
    with HostWithWindow(folder, upstream="http://127.0.0.1:9/v1", key="unused") as started:
        yield started


def test_people_of_the_newest_host(host: HostProcess) -> None:
    accounts = Accounts(host.url)
    admin = accounts.admin(name="Ada", email="ada@example.com", password=PASSWORD)
    ben, cleo = (
        accounts.user(admin, name=name, email=f"{name.lower()}_x@example.com", password=PASSWORD)
        for name in ("Ben", "Cleo")
    )
    group = accounts.call(
        "POST", "/api/v1/groups/create", {"name": "Bakers", "description": ""}, token=admin.token
    )
    accounts.call(
        "POST",
        f"/api/v1/groups/id/{group['id']}/users/add",
        {"user_ids": [ben.id]},
        token=admin.token,
    )

    def ask(method: str, *args: object) -> Any:
        return accounts.call("POST", "/_people", {"method": method, "args": args})

    assert ask("find", ben.id) == {
        "id": ben.id,
        "name": "Ben",
        "email": "ben_x@example.com",
        "groups": [group["id"], "Bakers"],
    }
    assert ask("find", cleo.id)["groups"] == []
    assert ask("find", "nobody") is None
    assert ask("find_by_email", "CLEO_X@Example.com")["id"] == cleo.id
    assert [ask("find_by_email", text) for text in ("cleo@example.com", "%@example.com", "")] == [
        None, None, None,
    ]  # fmt: skip
    known = ask("known", [ben.id, "nobody", admin.id, *(f"no-{n}" for n in range(1_100))])
    assert {user_id: user["name"] for user_id, user in known.items()} == {
        ben.id: "Ben", admin.id: "Ada",
    }  # fmt: skip
    assert [user["id"] for user in ask("search", "LEO", 10)] == [cleo.id]
    assert len(ask("search", "example.com", 2)) == 2
    assert [user["id"] for user in ask("search", "n_x", 10)] == [ben.id]
    assert ask("search", " ", 10) == []
    pages = [ask("page", "", 0, 2), ask("page", "", 2, 2), ask("page", "_X@", 1, 5)]
    assert [([user["id"] for user in users], total) for users, total in pages] == [
        ([admin.id, ben.id], 3),
        ([cleo.id], 3),
        ([cleo.id], 2),
    ]
    assert ask("page", "%", 0, 5) == [[], 0]
    hears_of_deleted_users(accounts, admin, ben, cleo)
    assert ask("find", ben.id) is None


def hears_of_deleted_users(accounts: Accounts, admin: Account, ben: Account, cleo: Account) -> None:
    def listener(method: str) -> Any:
        return accounts.call("POST", "/_events", {"method": method})

    def delete(account: Account) -> None:
        accounts.call("DELETE", f"/api/v1/users/{account.id}", token=admin.token)

    assert listener("attach")["answer"] is True
    assert listener("attach")["answer"] is True
    delete(ben)
    assert listener("finished")["deleted"] == [ben.id]
    for _ in range(2):
        listener("detach")
    delete(cleo)
    assert listener("finished")["deleted"] == [ben.id]


def test_people_of_the_oldest_host(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    environment = {
        **OLDEST.slim_environment(),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATA_DIR": str(tmp_path),
        "STATIC_DIR": str(tmp_path / "static"),
        "WEBUI_SECRET_KEY": "a-secret-for-a-program-that-listens-to-nobody",
    }
    answer = subprocess.run(
        [OLDEST.python, "-m", "tests.host.oldest_people"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    ada = {"id": "ada", "name": "Ada", "email": "ada_x@example.com"}
    assert found.pop("find") == {**ada, "groups": [found.pop("group"), "Bakers"]}
    assert found.pop("by email")["id"] == "ben"
    assert "cannot be read: integer division" in found.pop("unavailable")
    assert found == {
        "no one": None,
        "by wildcard": None,
        "known": ["ada", "ben"],
        "search": ["ada"],
        "pages": [[["ada"], 2], [["ben"], 2], [["ben"], 2], [[], 0]],
        "listens": False,
    }
