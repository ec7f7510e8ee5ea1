"""The names and addresses that follow from a network's or an endpoint's, so that nothing has to be remembered."""

from ipaddress import IPv4Address, IPv6Address

_INSTANCE_DIGITS = 5
_BRIDGE_DIGITS = 8


def link_prefix(instance: str) -> str:
    """What the host's ends of all this engine's container links begin with, and no other link does."""
    return f"nr{instance[:_INSTANCE_DIGITS]}"


def link_name(instance: str, address: IPv4Address) -> str:
    """The host's end of the link of the container with ``address``; fills IFNAMSIZ (15 and a NUL) exactly.

    Derived, not remembered: an engine that was restarted finds the link of an endpoint again.
    """
    return f"{link_prefix(instance)}{int(address):08x}"


def bridge_prefix(instance: str) -> str:
    """What the bridges of this engine's networks begin with; not Docker's ``br-``, which others' rules name."""
    return f"nb{instance[:_INSTANCE_DIGITS]}"


def bridge_name(instance: str, network_id: str) -> str:
    return f"{bridge_prefix(instance)}{network_id[:_BRIDGE_DIGITS]}"


def mac_address(address: IPv4Address) -> str:
    """Locally administered, and the same for the same address, so that neighbours' ARP entries stay true."""
    return "02:42:" + ":".join(f"{byte:02x}" for byte in address.packed)


def link_local_of(mac_address: str) -> IPv6Address:
    """What the kernel gives a link by itself (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac_address.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Address(b"\xfe\x80" + bytes(6) + identifier)
