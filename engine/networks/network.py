"""A network as the rest of the engine and ``docker network inspect`` see it, and the names it gives to links."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

DEFAULT_NAME = "bridge"
_INSTANCE_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Network:
    """``bridge`` is the link on the host that all its containers are plugged into; ``id`` is 64 hex digits."""

    id: str
    name: str
    bridge: str
    subnet: IPv4Network
    gateway: IPv4Address
    driver: str = "bridge"


def link_prefix(instance: str) -> str:
    """What the host's ends of all this engine's container links begin with, and no other link does."""
    return f"nr{instance[:_INSTANCE_DIGITS]}"


def link_name(instance: str, address: IPv4Address) -> str:
    """The host's end of the link of the container with ``address``; fills IFNAMSIZ (15 and a NUL) exactly.

    Derived, not remembered: an engine that was restarted finds the link of an endpoint again.
    """
    return f"{link_prefix(instance)}{int(address):08x}"


def mac_address(address: IPv4Address) -> str:
    """Locally administered, and the same for the same address, so that neighbours' ARP entries stay true."""
    return "02:42:" + ":".join(f"{byte:02x}" for byte in address.packed)
