"""``IPAM.Config`` of ``POST /networks/create``: one subnet of each family, with what belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    NetmaskValueError,
)
from typing import Generic, TypeVar

import msgspec

from engine.model.errors import Denied, Invalid
from engine.wire.text import check_text, shown

_Address = TypeVar("_Address", IPv4Address, IPv6Address)
_Subnet = TypeVar("_Subnet", IPv4Network, IPv6Network)

_SHORTEST_PREFIX, _LONGEST_PREFIX = 8, 30  # the gateway and one container
_SHORTEST_IPV6_PREFIX, _LONGEST_IPV6_PREFIX = 16, 126


class ConfigJson(msgspec.Struct, rename="pascal", kw_only=True):
    subnet: str = ""
    ip_range: str = msgspec.field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = {}

    @property
    def is_ipv6(self) -> bool:
        return ":" in (self.subnet or self.ip_range or self.gateway)


@dataclass(frozen=True, slots=True)
class Said(Generic[_Subnet, _Address]):
    """What one entry says, checked."""

    subnet: _Subnet
    gateway: _Address | None = None
    ip_range: _Subnet | None = None
    auxiliary: dict[str, _Address] = field(default_factory=dict)


Ipv4Said = Said[IPv4Network, IPv4Address]
Ipv6Said = Said[IPv6Network, IPv6Address]


def decode_configs(given: Sequence[ConfigJson]) -> tuple[Ipv4Said | None, Ipv6Said | None]:
    """Raises Invalid, or Denied, in Docker's words, for several subnets of one family."""
    configs = [config for config in given if config != ConfigJson()]
    of_4 = [config for config in configs if not config.is_ipv6]
    of_6 = [config for config in configs if config.is_ipv6]
    if len(of_4) > 1 or len(of_6) > 1:
        raise Denied("IPAM.Config: bridge driver doesn't support multiple subnets")
    return (_ipv4(of_4[0]) if of_4 else None, _ipv6(of_6[0]) if of_6 else None)


def _ipv4(config: ConfigJson) -> Ipv4Said:
    subnet = _network("Subnet", _present_subnet(config), IPv4Network)
    if subnet.prefixlen > _LONGEST_PREFIX or subnet.prefixlen < _SHORTEST_PREFIX:
        raise Invalid(
            f"IPAM.Config.Subnet: {subnet}: the prefix length must be {_SHORTEST_PREFIX} to {_LONGEST_PREFIX}"
        )
    if subnet.is_loopback or subnet.is_multicast or subnet.is_unspecified or subnet.is_link_local:
        raise Invalid(f"IPAM.Config.Subnet: {subnet} cannot be a network's subnet")
    return _rest(config, subnet, IPv4Network, IPv4Address)


def _ipv6(config: ConfigJson) -> Ipv6Said:
    subnet = _network("Subnet", _present_subnet(config), IPv6Network)
    if not _SHORTEST_IPV6_PREFIX <= subnet.prefixlen <= _LONGEST_IPV6_PREFIX:
        limits = f"{_SHORTEST_IPV6_PREFIX} to {_LONGEST_IPV6_PREFIX}"
        raise Invalid(f"IPAM.Config.Subnet: {subnet}: the prefix length must be {limits}")
    first = subnet.network_address
    # what begins with zeros holds ::1 and the forms that stand for IPv4 addresses (RFC 4291, 2.5)
    if first.is_multicast or subnet.is_link_local or int(first) >> 112 == 0:
        raise Invalid(f"IPAM.Config.Subnet: {subnet} cannot be a network's subnet")
    return _rest(config, subnet, IPv6Network, IPv6Address)


def _present_subnet(config: ConfigJson) -> str:
    if not config.subnet:
        raise Invalid(
            "IPAM.Config: Subnet: every network with a Gateway, an IPRange or AuxiliaryAddresses needs a subnet"
        )
    return config.subnet


def _rest(
    config: ConfigJson, subnet: _Subnet, network_kind: type[_Subnet], address_kind: type[_Address]
) -> Said[_Subnet, _Address]:
    ip_range = _network("IPRange", config.ip_range, network_kind) if config.ip_range else None
    if ip_range is not None and not ip_range.subnet_of(subnet):
        raise Invalid(f"IPAM.Config.IPRange: {ip_range} is not within the subnet {subnet}")
    gateway = _within("Gateway", config.gateway, subnet, address_kind) if config.gateway else None
    auxiliary = {
        check_text("IPAM.Config.AuxiliaryAddresses", name, longest=255): _within(
            "AuxiliaryAddresses", text, subnet, address_kind
        )
        for name, text in config.auxiliary_addresses.items()
    }
    if gateway is not None and gateway in auxiliary.values():
        raise Invalid(f"IPAM.Config.AuxiliaryAddresses: {gateway} is the gateway")
    return Said(subnet, gateway, ip_range, auxiliary)


def _network(field: str, text: str, kind: type[_Subnet]) -> _Subnet:
    shown_text = shown(text)
    if "/" not in text:
        raise Invalid(f"IPAM.Config.{field}: invalid CIDR address: {shown_text}: expected ADDRESS/LENGTH")
    try:
        loose = kind(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise Invalid(f"IPAM.Config.{field}: invalid CIDR address: {shown_text}") from error
    address, _, length = text.partition("/")
    is_plain = length == str(loose.prefixlen) and "%" not in address
    if not is_plain or _is_other_address(address, loose):
        raise Invalid(f"IPAM.Config.{field}: invalid subnet {shown_text}: it should be {loose}")
    return loose


def _is_other_address(text: str, network: IPv4Network | IPv6Network) -> bool:
    """IPv6 addresses can be spelled in several ways."""
    if isinstance(network, IPv6Network):
        return IPv6Address(text) != network.network_address
    return text != str(network.network_address)


def _within(field: str, text: str, subnet: IPv4Network | IPv6Network, kind: type[_Address]) -> _Address:
    try:
        address = kind(text)
    except AddressValueError as error:
        raise Invalid(f"IPAM.Config.{field}: invalid IPv{subnet.version} address: {shown(text)}") from error
    # in IPv6 the last address is like any other
    ends = (subnet.network_address,) if subnet.version == 6 else (subnet.network_address, subnet.broadcast_address)
    if address not in subnet or address in ends or "%" in text:
        raise Invalid(f"IPAM.Config.{field}: {address} is not an address within the subnet {subnet}")
    return address
