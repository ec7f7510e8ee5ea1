"""``POST /networks/create``."""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any, Final

import msgspec

from engine.model.errors import Denied, Invalid, Missing, Unsupported
from engine.model.network import (
    BRIDGE_NAME,
    FALSE_WORDS,
    HOST_BINDING,
    ICC,
    MASQUERADE,
    MTU,
    TRUE_WORDS,
    NetworkRequest,
)
from engine.wire.json_body import decode, parse_object, unknown_members
from engine.wire.text import check_mapping, check_network, check_text, shown

_LINK_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}")
_LONGEST_PREFIX: Final = 30  # the gateway and one container
_LEAST_MTU, _MOST_MTU = 68, 65535  # RFC 791; the kernel's limit for a bridge
# said by clients, and true of every network here
_NO_EFFECT: Final = ("com.docker.network.container_iface_prefix", "com.docker.network.enable_ipv4")


class ConfigJson(msgspec.Struct, rename="pascal", kw_only=True):
    subnet: str = ""
    ip_range: str = msgspec.field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = {}


class IpamJson(msgspec.Struct, rename="pascal", kw_only=True):
    driver: str = ""
    options: dict[str, str] = {}
    config: list[ConfigJson] = []


class ConfigFromJson(msgspec.Struct, rename="pascal", kw_only=True):
    network: str = ""


class NetworkJson(msgspec.Struct, rename="pascal", kw_only=True):
    name: str = ""
    driver: str = ""
    scope: str = ""
    check_duplicate: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigFromJson = msgspec.field(default_factory=ConfigFromJson)
    enable_ipv4: bool = msgspec.field(default=True, name="EnableIPv4")
    enable_ipv6: bool = msgspec.field(default=False, name="EnableIPv6")
    ipam: IpamJson = msgspec.field(default_factory=IpamJson, name="IPAM")
    options: dict[str, str] = {}
    labels: dict[str, str] = {}


def decode_network(body: bytes) -> tuple[NetworkRequest, str]:
    """The request, and a warning for the client or "". Raises Invalid, Denied, Missing or Unsupported."""
    raw = parse_object(body)
    given = decode(raw, NetworkJson)
    _check_name(given.name)
    _refuse(given)
    check_mapping("Labels", given.labels, lines=True)
    check_mapping("IPAM.Options", given.ipam.options)
    _check_options(given.options)
    unknown = unknown_members(raw, NetworkJson)
    request = NetworkRequest(
        name=given.name,
        internal=given.internal,
        attachable=given.attachable,
        options=given.options,
        ipam_options=given.ipam.options,
        labels=given.labels,
        **_addresses(given.ipam.config),
    )
    return request, f"unknown and ignored: {', '.join(map(shown, unknown[:20]))}" if unknown else ""


def _check_name(name: str) -> None:
    check_network("Name", name)
    if name in ("bridge", "host", "none", "default"):
        raise Denied(f"operation is not permitted on predefined {name} network")


def _refuse(given: NetworkJson) -> None:
    if given.driver not in ("", "bridge"):
        if given.driver in ("host", "null"):
            raise Denied(f'Driver: only one instance of "{given.driver}" network is allowed')
        raise Missing(f"Driver: could not find plugin {shown(given.driver)[1:-1]}: plugin not found")
    if given.scope not in ("", "local"):
        raise Unsupported(f"Scope: {shown(given.scope)} is not supported, only local")
    if given.ipam.driver not in ("", "default"):
        raise Missing(f"IPAM.Driver: could not find plugin {shown(given.ipam.driver)[1:-1]}: plugin not found")
    refused = {
        "Ingress": given.ingress,
        "ConfigOnly": given.config_only,
        "ConfigFrom": given.config_from.network,
        "EnableIPv6": given.enable_ipv6,
    }
    for name, wanted in refused.items():
        if wanted:
            raise Unsupported(f"{name} is not supported by this engine (yet); leave it out")
    if not given.enable_ipv4:
        raise Unsupported("EnableIPv4: a network without IPv4 is not supported by this engine (yet)")


def _addresses(configs: list[ConfigJson]) -> dict[str, Any]:
    """The fields of NetworkRequest that IPAM.Config tells."""
    configs = [config for config in configs if config != ConfigJson()]
    if not configs:
        return {}
    if len(configs) > 1:
        raise Unsupported("IPAM.Config: more than one subnet is not supported by this engine (yet)")
    config = configs[0]
    if not config.subnet:
        raise Invalid(
            "IPAM.Config: Subnet: every network with a Gateway, an IPRange or AuxiliaryAddresses needs a subnet"
        )
    subnet = _network("Subnet", config.subnet)
    if subnet.prefixlen > _LONGEST_PREFIX or subnet.prefixlen < 8:
        raise Invalid(f"IPAM.Config.Subnet: {subnet}: the prefix length must be 8 to {_LONGEST_PREFIX}")
    if subnet.is_loopback or subnet.is_multicast or subnet.is_unspecified or subnet.is_link_local:
        raise Invalid(f"IPAM.Config.Subnet: {subnet} cannot be a network's subnet")
    found: dict[str, Any] = {"subnet": subnet}
    if config.ip_range:
        found["ip_range"] = _network("IPRange", config.ip_range)
        if not found["ip_range"].subnet_of(subnet):
            raise Invalid(f"IPAM.Config.IPRange: {found['ip_range']} is not within the subnet {subnet}")
    if config.gateway:
        found["gateway"] = _within("Gateway", config.gateway, subnet)
    found["auxiliary"] = {
        check_text("IPAM.Config.AuxiliaryAddresses", name, longest=255): _within("AuxiliaryAddresses", text, subnet)
        for name, text in config.auxiliary_addresses.items()
    }
    if found.get("gateway") in found["auxiliary"].values():
        raise Invalid(f"IPAM.Config.AuxiliaryAddresses: {found['gateway']} is the gateway")
    return found


def _network(field: str, text: str) -> IPv4Network:
    shown_text = shown(text)
    if ":" in text:
        raise Unsupported(f"IPAM.Config.{field}: {shown_text}: IPv6 is not supported by this engine (yet)")
    if "/" not in text:
        raise Invalid(f"IPAM.Config.{field}: invalid CIDR address: {shown_text}: expected ADDRESS/LENGTH")
    try:
        loose = IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise Invalid(f"IPAM.Config.{field}: invalid CIDR address: {shown_text}") from error
    if str(loose) != text:
        raise Invalid(f"IPAM.Config.{field}: invalid subnet {shown_text}: it should be {loose}")
    return loose


def _within(field: str, text: str, subnet: IPv4Network) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except AddressValueError as error:
        raise Invalid(f"IPAM.Config.{field}: invalid IPv4 address: {shown(text)}") from error
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise Invalid(f"IPAM.Config.{field}: {address} is not an address within the subnet {subnet}")
    return address


def _check_options(options: Mapping[str, str]) -> None:
    check_mapping("Options", options)
    for name, value in options.items():
        if name in (ICC, MASQUERADE):
            if value not in TRUE_WORDS + FALSE_WORDS:
                raise Invalid(f"Options.{name}: {shown(value)} is neither true nor false")
        elif name == MTU:
            if not (value.isascii() and value.isdigit() and len(value) < 6 and _LEAST_MTU <= int(value) <= _MOST_MTU):
                raise Invalid(f"Options.{name}: {shown(value)} is not a number from {_LEAST_MTU} to {_MOST_MTU}")
        elif name == HOST_BINDING:
            _check_host_binding(name, value)
        elif name == BRIDGE_NAME:
            if not _LINK_NAME.fullmatch(value):
                raise Invalid(f"Options.{name}: {shown(value)} cannot be the name of a link: 1 to 15 plain characters")
        elif name.startswith("com.docker.network.") and name not in _NO_EFFECT:
            raise Unsupported(f"Options.{name} is not supported by this engine (yet); leave it out")


def _check_host_binding(name: str, value: str) -> None:
    try:
        IPv4Address(value)
    except AddressValueError as error:
        raise Invalid(f"Options.{name}: invalid IPv4 address: {shown(value)}") from error
