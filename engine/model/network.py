"""Networks: what a client asks of one, what it then is, and how a container wishes to stand on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

DEFAULT_NAME: Final = "bridge"
EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 (a name for it, nothing listens)
EVERY_IPV6_ADDRESS: Final = "::"
# options of Docker's bridge driver (moby, libnetwork/drivers/bridge/labels.go)
BRIDGE_NAME: Final = "com.docker.network.bridge.name"
ICC: Final = "com.docker.network.bridge.enable_icc"
MASQUERADE: Final = "com.docker.network.bridge.enable_ip_masquerade"
HOST_BINDING: Final = "com.docker.network.bridge.host_binding_ipv4"
MTU: Final = "com.docker.network.driver.mtu"
TRUE_WORDS: Final = ("1", "t", "T", "true", "TRUE", "True")  # Go's strconv.ParseBool
FALSE_WORDS: Final = ("0", "f", "F", "false", "FALSE", "False")


@dataclass(frozen=True, slots=True)
class Ipv6Request:
    """As ``NetworkRequest`` has it for IPv4."""

    subnet: IPv6Network | None = None
    gateway: IPv6Address | None = None
    ip_range: IPv6Network | None = None
    auxiliary: Mapping[str, IPv6Address] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """As a client asked for it. ``subnet`` None: the engine chooses; ``gateway`` None: the first address.

    ``ipv6`` None: nothing was said of IPv6 addresses. What was said counts only with ``enable_ipv6``.
    """

    name: str
    subnet: IPv4Network | None = None
    gateway: IPv4Address | None = None
    ip_range: IPv4Network | None = None
    auxiliary: Mapping[str, IPv4Address] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    enable_ipv6: bool = False
    ipv6: Ipv6Request | None = None


@dataclass(frozen=True, slots=True)
class Ipv6Part:
    """A network's IPv6 addresses, of which the same holds as of ``Network``'s own, IPv4."""

    subnet: IPv6Network
    gateway: IPv6Address
    has_own_subnet: bool = False
    ip_range: IPv6Network | None = None
    auxiliary: Mapping[str, IPv6Address] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge network, as stored. Never changed, only made and removed.

    ``id`` is 64 hex digits; ``bridge`` the link on the host that all its containers are plugged into.
    ``has_own_subnet``: a client chose the subnet, so that containers may choose addresses in it. ``ip_range`` is
    where addresses are given out; None: the whole subnet. ``auxiliary`` addresses are never given out.
    ``ipv6_config`` is what a client said or the engine chose of IPv6; it is in force with ``enable_ipv6``.
    """

    id: str
    name: str
    bridge: str
    subnet: IPv4Network
    gateway: IPv4Address
    driver: str = "bridge"
    created_at: datetime | None = None
    has_own_subnet: bool = False
    ip_range: IPv4Network | None = None
    auxiliary: Mapping[str, IPv4Address] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    enable_ipv6: bool = False
    ipv6_config: Ipv6Part | None = None

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT_NAME

    @property
    def ipv6(self) -> Ipv6Part | None:
        """What is in force; None: its containers have no IPv6."""
        return self.ipv6_config if self.enable_ipv6 else None

    @property
    def mtu(self) -> int | None:
        """None: as the kernel has it."""
        return int(self.options[MTU]) if MTU in self.options else None

    @property
    def joins_containers(self) -> bool:
        """Whether its containers may talk to each other."""
        return self.options.get(ICC, "true") in TRUE_WORDS

    @property
    def masquerades(self) -> bool:
        """Whether the world sees the host's address in place of a container's."""
        return not self.internal and self.options.get(MASQUERADE, "true") in TRUE_WORDS

    @property
    def host_binding(self) -> str:
        """The host's address that ports are published on when nothing else is said; "" for every one."""
        said = self.options.get(HOST_BINDING, EVERY_ADDRESS)
        return "" if said == EVERY_ADDRESS else said


@dataclass(frozen=True, slots=True)
class KnownAs:
    """A container's names on one network, and whom it wants to be asked for all others; none: the host's servers."""

    names: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What a container wishes of one network. ``links`` are ``CONTAINER:ALIAS``; addresses and MAC "" mean any.

    ``link_local`` addresses, of either family, it has besides, for its neighbours on this network alone.

    The network of the highest ``priority`` is the way out and has the published ports; among equals the first.
    """

    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ip_address: str = ""
    mac_address: str = ""
    driver_options: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    ipv6_address: str = ""
    link_local: tuple[str, ...] = ()
