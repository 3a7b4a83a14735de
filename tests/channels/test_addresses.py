"""URLs that would make our server connect where nobody outside should lead it."""

import pytest

from mai_usage_ext.channels.addresses import AddressRules, ForbiddenAddress
from mai_usage_ext.channels.resolver import GuardedResolver
from mai_usage_ext.errors import BadInput

PUBLIC = "93.184.215.14"

EVIL = [
    # This machine, in every spelling.
    "https://127.0.0.1/",
    "https://127.8.9.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://localhost/",
    "https://localhost./",
    "https://ⓛocalhost/",
    # IPv4 inside IPv6.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    # Networks of somebody's own, and the cloud's metadata.
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    "https://router/",
    # Neither public nor a host.
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://192.88.99.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    # Other ways in.
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "//hooks.example.com/",
    "hooks.example.com/x",
    "https:hooks.example.com",
    "https://",
    "https:///x",
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://hooks.example.com:443@127.0.0.1/",
    "https://hooks.example.com#@127.0.0.1/",
    "https://hooks.example.com/#fragment",
    "https://hooks.example.com\\@127.0.0.1/",
    "https:\\\\127.0.0.1/",
    "https://hooks.example.com/\r\nX-Evil: 1",
    "https://hooks.example.com/\tx",
    " https://hooks.example.com/",
    "https://hooks.exa mple.com/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:25/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://hooks..example.com/",
    "https://-x.example.com/",
    "https://[::1/",
    "https://[example.com]/",
    "https://1.2.3.4.5/",
    f"https://{'a' * 64}.example.com/",
    f"https://{'a.' * 200}com/",
    f"https://hooks.example.com/{'x' * 2000}",
    "",
]

GOOD = [
    "https://hooks.example.com/",
    "https://HOOKS.example.com/a?b=c&d=%20",
    "https://hooks.example.com./x",
    "https://hooks.example.com:8443/x",
    "https://münchen.example/x",
    "https://93.184.215.14/x",
    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/x",
]


def rules(*allowed: str, answers: list[str] | None = None, http: bool = False) -> AddressRules:
    def lookup(host: str, _port: int) -> list[str]:
        is_literal = host[0].isdigit() or ":" in host
        return [host] if is_literal else answers or [PUBLIC]

    return AddressRules(allowed, allows_http=http, lookup=lookup)


@pytest.mark.parametrize("url", EVIL)
def test_an_evil_url_is_refused(url: str) -> None:
    with pytest.raises(BadInput) as raised:
        rules().check(url)
    assert raised.value.field == "url"
    assert "expected an https URL of a host on the public internet: " in str(raised.value)


@pytest.mark.parametrize("url", EVIL)
def test_it_is_refused_without_asking_a_name_server_too(url: str) -> None:
    with pytest.raises(BadInput):
        rules().place_of(url)


@pytest.mark.parametrize("url", GOOD)
def test_a_good_url_passes(url: str) -> None:
    rules().check(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fe80::1%eth0",
        "fe80::1",
        "fc00::1",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "no address",
    ],
)
def test_a_name_that_leads_to_a_forbidden_address_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="must not be connected to"):
        rules(answers=[address]).check("https://hooks.example.com/")


def test_a_name_that_nobody_knows_is_refused() -> None:
    def lookup(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(BadInput, match=r"no name server knows gone\.example\.com"):
        AddressRules((), allows_http=False, lookup=lookup).check("https://gone.example.com/")


def test_the_path_is_not_repeated() -> None:
    with pytest.raises(BadInput) as raised:
        rules().check("https://10.0.0.1/services/T000/secret")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("10.1.0.0/16", "https://10.1.2.3/"),
        ("10.1.2.3", "https://10.1.2.3:22/"),
        ("fd00::/8", "https://[fd00::5]/"),
        ("router", "https://router:25/"),
        ("Hooks.LAN", "https://hooks.lan/"),
        ("::1", "https://[::1]/"),
    ],
)
def test_the_operator_may_allow_it(allowed: str, url: str) -> None:
    with pytest.raises(BadInput):
        rules(answers=["10.1.9.9"]).check(url)
    rules(allowed, answers=["10.1.9.9"]).check(url)


@pytest.mark.parametrize(
    "url", ["https://10.2.0.1/", "https://hooks.lan.evil.com/", "https://xhooks.lan/"]
)
def test_what_is_allowed_opens_nothing_else(url: str) -> None:
    with pytest.raises(BadInput):
        rules("10.1.0.0/16", "hooks.lan", answers=["10.2.0.1"]).check(url)


def test_plain_http_is_the_operators_choice() -> None:
    with pytest.raises(BadInput):
        rules().check("http://hooks.example.com/")
    rules(http=True).check("http://hooks.example.com/")
    with pytest.raises(BadInput):
        rules(http=True).check("http://127.0.0.1/")


async def test_only_addresses_that_passed_are_connected_to() -> None:
    answers = ["127.0.0.1", PUBLIC, "::1"]
    resolver = GuardedResolver(rules(), lookup=lambda _host, _port: answers)
    [found] = await resolver.resolve("hooks.example.com", 443)
    assert (found["host"], found["port"], found["hostname"]) == (PUBLIC, 443, "hooks.example.com")
    answers.remove(PUBLIC)
    with pytest.raises(ForbiddenAddress):
        await resolver.resolve("hooks.example.com", 443)
    await resolver.close()
