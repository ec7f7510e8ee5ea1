"""Which addresses are a host's or a site's own, so that a registry must not send the engine there."""

from ipaddress import IPv4Address, IPv6Address, ip_network

from engine.model.registry import Address

_NAT64 = ip_network("64:ff9b::/96")
_SHARED = ip_network("100.64.0.0/10")  # carrier-grade NAT (RFC 6598); some clouds serve metadata from it
_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"), ip_network("fd00:ec2::/32"))


def carried(address: Address) -> Address:
    """The IPv4 address inside an IPv6 form of it: mapped, 6to4, NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_internal(address: Address) -> bool:
    address = carried(address)
    if isinstance(address, IPv6Address) and address.teredo is not None:
        return True  # a tunnel to wherever the address says
    return not address.is_global or address.is_multicast or address in _SHARED or is_link_local(address)


def is_link_local(address: Address) -> bool:
    """Where clouds serve a machine's own credentials."""
    address = carried(address)
    return any(address.version == network.version and address in network for network in _LINK_LOCAL)
