"""``POST /networks/create``."""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
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
    Ipv6Request,
    NetworkRequest,
)
from engine.wire.ipam import ConfigJson, decode_configs
from engine.wire.json_body import decode, parse_object, unknown_members
from engine.wire.text import check_mapping, check_network, shown

_LINK_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}")
_LEAST_MTU, _MOST_MTU = 68, 65535  # RFC 791; the kernel's limit for a bridge
# said by clients, and true of every network here
_NO_EFFECT: Final = ("com.docker.network.container_iface_prefix", "com.docker.network.enable_ipv4")


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
        enable_ipv6=given.enable_ipv6,
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
    }
    for name, wanted in refused.items():
        if wanted:
            raise Unsupported(f"{name} is not supported by this engine (yet); leave it out")
    if not given.enable_ipv4:
        raise Unsupported("EnableIPv4: a network without IPv4 is not supported by this engine (yet)")


def _addresses(configs: list[ConfigJson]) -> dict[str, Any]:
    """The fields of NetworkRequest that IPAM.Config tells."""
    ipv4, ipv6 = decode_configs(configs)
    found: dict[str, Any] = {}
    if ipv4 is not None:
        found = {name: getattr(ipv4, name) for name in ("subnet", "gateway", "ip_range", "auxiliary")}
    if ipv6 is not None:
        found["ipv6"] = Ipv6Request(ipv6.subnet, ipv6.gateway, ipv6.ip_range, ipv6.auxiliary)
    return found


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
