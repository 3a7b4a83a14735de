"""The stage: a host with the extension, two organizations, and the people who belong to them."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import aiohttp

from mai_usage_ext.demo.accounts import Account, Accounts
from mai_usage_ext.demo.host_process import HostError, HostProcess
from mai_usage_ext.demo.person import Person
from mai_usage_ext.demo.play import Cast

__all__ = ["PEOPLE", "Stage", "host_environment", "prepare_folder"]

# A folder with this file was made by the demo and may be cleared by it.
_MARK = ".made-by-mai-usage-demo"

_API = "/api/v1/client_organizations"
_PASSWORD = "demo-demo"  # noqa: S105 - printed for everybody to use


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One organization of the play, and who belongs to it; the first one manages it."""

    name: str
    time_zone: str
    markup_rate: str
    monthly_limit: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An organization as the host's admin API answered it."""

    id: str
    name: str
    described: str


ADMIN = "Ada"
CLIENTS = (
    Client(
        name="Lakeside Bakery",
        time_zone="Europe/Warsaw",
        markup_rate="1.3",
        monthly_limit="50",
        people=("Anna", "Boris"),
    ),
    Client(
        name="Harbour Studio",
        time_zone="America/Los_Angeles",
        markup_rate="1.85",
        monthly_limit="50",
        people=("Chen", "Dora"),
    ),
    # Nothing fits into this limit, so whoever chats here sees how a refusal looks.
    Client(
        name="Corner Shop",
        time_zone="Asia/Tokyo",
        markup_rate="1.5",
        monthly_limit="0.000001",
        people=("Eri",),
    ),
)
PEOPLE = tuple(name for client in CLIENTS for name in client.people)


def email_of(name: str) -> str:
    return f"{name.lower()}@example.com"


class Stage:
    """Sets everything up on a running host; ``members`` are sign-ins by organization."""

    def __init__(self, host: HostProcess) -> None:
        self.host = host
        self._accounts = Accounts(host.url)
        self.admin: Account | None = None
        self.members: list[tuple[Made, Account]] = []

    def set_up(self) -> None:
        """Accounts on the host, organizations by the admin's API. Raises ``HostError``."""
        admin = self._accounts.admin(name=ADMIN, email=email_of(ADMIN), password=_PASSWORD)
        for client in CLIENTS:
            organization = self._organization(admin, client)
            for number, name in enumerate(client.people):
                account = self._accounts.user(
                    admin, name=name, email=email_of(name), password=_PASSWORD
                )
                self._map(admin, account, organization, role="manager" if number == 0 else "member")
                self.members.append((organization, account))
        self.admin = admin

    def _organization(self, admin: Account, client: Client) -> Made:
        form = {
            "name": client.name,
            "timezone": client.time_zone,
            "markup_rate": client.markup_rate,
            "monthly_limit": client.monthly_limit,
        }
        answer = self._accounts.call("POST", f"{_API}/clients", form, token=admin.token)
        made = answer["client"]
        key = made["key"]["label"] or "the host's"
        limit = f"${made['monthly_limit']} a month"
        described = f"{client.name} ({client.time_zone}, {limit}, key {key})"
        return Made(id=made["id"], name=client.name, described=described)

    def _map(self, admin: Account, account: Account, organization: Made, *, role: str) -> None:
        form = {"user_id": account.id, "client_org_id": organization.id, "role": role}
        self._accounts.call("POST", f"{_API}/user-mappings", form, token=admin.token)

    def cast(self, session: aiohttp.ClientSession, *, models: Sequence[str]) -> Cast:
        """The members as callers, with their session tokens; the models go round."""
        people = [
            Person(session, self.host.url, token=account.token, model=model)
            for (_, account), model in zip(self.members, cycle(models), strict=False)
        ]
        return Cast(first=(people[0], people[1]), second=(people[2], people[3]))

    def logins(self) -> list[tuple[str, str, str]]:
        """E-mail, password and what the account is for."""
        lines = [(email_of(ADMIN), _PASSWORD, "admin of the host")]
        lines += [
            (account.email, _PASSWORD, organization.name) for organization, account in self.members
        ]
        return lines


def host_environment(
    models: Sequence[str], *, management_key: str | None, proxies: dict[str, str]
) -> dict[str, str]:
    """What the demo's host needs beyond a closed network: a short list of models, proxies, and a
    key to make the organizations' keys with."""
    if management_key is not None:
        proxies = {**proxies, "OPENROUTER_PROVISIONING_KEY": management_key}
    connection = {"0": {"enable": True, "model_ids": list(dict.fromkeys(models))}}
    return {
        "OPENAI_API_CONFIGS": json.dumps(connection),
        "DEFAULT_MODELS": models[0],
        **proxies,
    }


def prepare_folder(folder: Path, *, tell: Callable[[str], None]) -> None:
    """An empty folder to play in: the simulator forgets, so an old ledger would stand alone.

    Raises ``HostError`` for a folder that is somebody else's, or cannot be written.
    """
    try:
        if (folder / _MARK).is_file():
            tell(f"clearing {folder}, left by an earlier demo")
            shutil.rmtree(folder)
        elif folder.exists() and any(folder.iterdir()):
            raise HostError(
                f"the data folder {folder} is not empty and not the demo's; name another"
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise HostError(f"the data folder {folder} cannot be written: {error}") from error
