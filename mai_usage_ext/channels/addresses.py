"""Where webhooks may be sent, and where they may not.

Whoever names a URL chooses what our server connects to, and it stands inside a network. So only
addresses of the public internet are connected to, unless the operator has allowed others.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Any

from yarl import URL

from mai_usage_ext.errors import BadInput

__all__ = ["AddressRules", "ForbiddenAddress", "Lookup", "addresses_of"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text. Raises ``OSError`` where it has none."""

_LONGEST_URL = 2000
_EXPECTED = "an https URL of a host on the public internet"
_LAST_PRIVILEGED_PORT = 1023
# RFC 4291 gives no other addresses to hosts of the public internet.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# These say "global" and lead to an IPv4 address inside them, or to a machine that translates.
_TRANSLATED = (
    (ipaddress.ip_network("2002::/16"), "a 6to4 address"),
    (ipaddress.ip_network("2001::/32"), "a Teredo address"),
    (ipaddress.ip_network("192.88.99.0/24"), "a 6to4 relay"),
    (ipaddress.ip_network("64:ff9b::/96"), "a NAT64 address"),
    (ipaddress.ip_network("64:ff9b:1::/48"), "a NAT64 address"),
    (ipaddress.ip_network("::ffff:0:0/96"), "an IPv4-mapped address"),
    (ipaddress.ip_network("3fff::/20"), "a documentation address"),
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What resolvers take for an IPv4 address in another spelling ends like this.
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


class ForbiddenAddress(OSError):
    """A host has no address that may be connected to."""


class AddressRules:
    """``allowed`` are the operator's exceptions: host names, addresses and networks.

    Implements ``ports.webhooks.UrlRules``. ``lookup`` is how names become addresses.
    """

    def __init__(
        self, allowed: Collection[str], *, allows_http: bool, lookup: Lookup | None = None
    ) -> None:
        self._schemes = ("https", "http") if allows_http else ("https",)
        self._lookup = lookup or addresses_of
        self._hosts: set[str] = set()
        self._networks: list[Any] = []
        for place in allowed:
            try:
                self._networks.append(ipaddress.ip_network(place))
            except ValueError:
                self._hosts.add(place.lower())

    def check(self, url: str) -> None:
        """Raises ``BadInput`` with the field ``url``. Asks a name server, and waits for it."""
        host, port = self.place_of(url)
        try:
            self.usable(host, self._lookup(host, port))
        except ForbiddenAddress as error:
            raise BadInput("url", got=_shown(url), expected=f"{_EXPECTED}: {error}") from None
        except OSError:
            expected = f"{_EXPECTED}: no name server knows {host}"
            raise BadInput("url", got=_shown(url), expected=expected) from None

    def place_of(self, url: str) -> tuple[str, int]:
        """Host and port, without asking anybody. Raises ``BadInput`` for what is refused as it is
        written, a forbidden address in its usual spelling included."""
        try:
            parsed = self._parsed(url)
            host, port = parsed.raw_host or "", parsed.port or 0
            if not self._allows(host, None):
                _require_port(port)
                self._require_host(host)
        except ValueError as error:
            raise BadInput("url", got=_shown(url), expected=f"{_EXPECTED}: {error}") from None
        return host, port

    def usable(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Those that may be connected to. Raises ``ForbiddenAddress`` where there is none."""
        reasons: dict[str, str] = {}
        for text in addresses:
            reason = self._refusal(host, text)
            if reason is not None:
                reasons[text] = reason
        found = [text for text in addresses if text not in reasons]
        if not found:
            why = next(iter(reasons.values()), "it has no address")
            raise ForbiddenAddress(f"{host} must not be connected to: {why}")
        return found

    def _parsed(self, url: str) -> URL:
        """As the client itself reads it, so that both mean the same host."""
        if len(url) > _LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
            raise ValueError(f"at most {_LONGEST_URL} printable characters without spaces")
        parsed = URL(url)
        if parsed.scheme not in self._schemes:
            raise ValueError(f"it begins with {' or '.join(self._schemes)}://")
        if parsed.user is not None or parsed.password is not None:
            raise ValueError("it must not hold a user name or password")
        if parsed.raw_fragment or "#" in url:
            raise ValueError("a fragment after # is never sent")
        if not parsed.raw_host:
            raise ValueError("it names no host")
        return parsed

    def _require_host(self, host: str) -> None:
        address = _address(host)
        if address is not None:
            reason = self._refusal(host, host)
            if reason is not None:
                raise ValueError(reason)
            return
        labels = host.rstrip(".").split(".")
        if _NUMERIC.fullmatch(labels[-1]):
            raise ValueError("an IPv4 address is written as four decimal numbers")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError("that is no host name")
        if len(labels) == 1:
            raise ValueError(f"{host} is a name of some network, not of the internet")

    def _refusal(self, host: str, text: str) -> str | None:
        address = _address(text)
        if address is None:
            return f"{text} is no address"
        if self._allows(host, address):
            return None
        kind = _kind_of(address)
        return None if kind is None else f"{text} is {kind}"

    def _allows(self, host: str, address: Address | None) -> bool:
        """Whether the operator has named the host, or a network that the address is in."""
        if host.rstrip(".").lower() in self._hosts:
            return True
        address = address or _address(host)
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )


def addresses_of(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, each address once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from None
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _address(text: str) -> Address | None:
    """``None`` for whatever is not an address in its usual spelling; a zone makes it none."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _kind_of(address: Address) -> str | None:
    """What is wrong with an address; ``None`` for one of the public internet."""
    for network, kind in _TRANSLATED:
        if address.version == network.version and address in network:
            return kind
    kinds = (
        (address.is_loopback, "a loopback address"),
        (address.is_unspecified, "the unspecified address"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (address.version == 4 and address in _SHARED, "an address of a carrier's network"),
        (address.is_private, "a private address"),
        (address.is_reserved, "a reserved address"),
        (address.version == 6 and address not in _GLOBAL_UNICAST, "no address of the internet"),
        (not address.is_global, "no address of the internet"),
    )
    return next((kind for applies, kind in kinds if applies), None)


def _require_port(port: int) -> None:
    if port in (80, 443) or _LAST_PRIVILEGED_PORT < port <= 65_535:
        return
    raise ValueError(f"port {port} belongs to another service")


def _shown(url: str) -> str:
    """Enough to see what was meant; a path may be a secret."""
    head, separator, rest = url.partition("://")
    return f"{head}{separator}{re.split('[/?#]', rest, maxsplit=1)[0]}" if separator else url
