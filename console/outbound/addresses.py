"""Which addresses the console may connect to. Pure.

Whoever types an address that the console then asks can make it reach what only it can reach: its own ports, the
neighbours of its network, the metadata service of its cloud. So only addresses of the public internet are allowed, and
what lies in a prefix that the machine's administrator has named (``NARU_OUTBOUND_ALLOW``).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL: Final = 2000
PORTS: Final = {"http": 80, "https": 443}
# services of the machine's own cloud, which Python's table does not count as private
_INSIDE: Final = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24")))
# IPv4 in the last 32 bits of an IPv6 address, by whichever gateway translates it (RFC 6052, RFC 8215)
_NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. ``host`` is a name or an address without brackets; ``path`` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For people and logs: without path and query, which may hold a secret."""
        return f"{self.scheme}://{self.host_header}"


def parse_url(url: str, *, field: str = "url") -> Target:
    """Invalid (``field``) unless it is a plain http or https address without a user in it."""
    if len(url) > LONGEST_URL:
        raise Invalid(_("An address is at most 2000 characters long."), field=field)
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url) or "\\" in url:
        raise Invalid(_("An address holds no spaces, control characters or letters beyond ASCII."), field=field)
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise Invalid(_("This is no address: %(why)s.") % {"why": error}, field=field) from error
    if parts.scheme not in PORTS or not host:
        raise Invalid(_("Write an address that begins with https:// or http://."), field=field)
    if parts.username is not None or parts.password is not None:
        raise Invalid(_("No user and no password in an address: it is shown to others."), field=field)
    if "%" in host or port == 0:
        raise Invalid(_("This is no address: %(why)s.") % {"why": parts.netloc[:80]}, field=field)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks with commas between them. ValueError names what is none."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def is_allowed(address: Address, allowed: Iterable[Network]) -> bool:
    """Of an IPv6 address that carries an IPv4 one, both must be."""
    inner = _carried(address)
    if inner is not None:
        return is_allowed(inner, allowed)
    if any(address.version == network.version and address in network for network in allowed):
        return True
    if any(address.version == network.version and address in network for network in _INSIDE):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def refused_of(addresses: Sequence[Address], allowed: Sequence[Network]) -> list[Address]:
    return [address for address in addresses if not is_allowed(address, allowed)]
