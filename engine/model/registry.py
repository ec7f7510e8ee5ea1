"""What the operator says about registries: hosts and networks by pattern, and mirrors by URL."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from engine.model.errors import Invalid

Address = IPv4Address | IPv6Address
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?")
_MIRROR = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::(?P<port>[0-9]{1,5}))?/?"
)


@dataclass(frozen=True, slots=True)
class HostPattern:
    """``host[:port]``, without a port meaning any, or a network in CIDR form."""

    host: str = ""
    port: int | None = None
    network: IPv4Network | IPv6Network | None = None

    def __str__(self) -> str:
        if self.network is not None:
            return str(self.network)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        if "/" in text:
            try:
                return cls(network=ip_network(text, strict=False))
            except ValueError as error:
                raise Invalid(f"{text[:80]!r}: expected HOST[:PORT] or a network like 10.0.0.0/8") from error
        match = _HOST.fullmatch(text)
        if match is None:
            raise Invalid(f"{text[:80]!r}: expected HOST[:PORT], without a scheme, or a network like 10.0.0.0/8")
        return cls(plain_host(match["host"]), _port(match["port"]) if match["port"] else None)

    def matches(self, host: str, port: int, address: Address | None = None) -> bool:
        """``host`` is a name or literal address; a network also covers the ``address`` it was found to have."""
        if self.network is not None:
            address = address or find_address(host)
            return address is not None and address.version == self.network.version and address in self.network
        return self.host == plain_host(host) and self.port in (None, port)


@dataclass(frozen=True, slots=True)
class Mirror:
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return f"{self.scheme}://{host}{'' if self.port == usual else f':{self.port}'}/"

    @classmethod
    def parse(cls, text: str) -> "Mirror":
        match = _MIRROR.fullmatch(text)
        if match is None:
            raise Invalid(f"{text[:80]!r}: expected http[s]://HOST[:PORT] without path, query or user")
        usual = 443 if match["scheme"] == "https" else 80
        return cls(match["scheme"], plain_host(match["host"]), _port(match["port"]) if match["port"] else usual)


def plain_host(host: str) -> str:
    """Lower case, without the brackets of an IPv6 literal and the root's dot."""
    return host.strip("[]").rstrip(".").lower()


def find_address(host: str) -> Address | None:
    """The address that ``host`` spells; None for a name."""
    try:
        return ip_address(plain_host(host))
    except ValueError:
        return None


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise Invalid(f"port {text} is not from 1 to 65535")
    return int(text)
