"""How a container is to stand on its networks: ``NetworkingConfig``, connect and disconnect."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Any, Final

import msgspec

from engine.model.errors import Invalid, Unsupported
from engine.model.network import EndpointSettings
from engine.wire.json_body import decode, parse_object, spelled
from engine.wire.text import check_mapping, check_name, check_network, check_texts, shown
from engine.wire.version import ApiVersion

_SEVERAL_FROM: Final = ApiVersion(1, 44)
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
_MOST_NETWORKS: Final = 100
_MOST_LINK_LOCAL: Final = 16
_LEAST_PRIORITY, _MOST_PRIORITY = -(2**31), 2**31 - 1


class IpamJson(msgspec.Struct, kw_only=True):
    ipv4: str = msgspec.field(default="", name="IPv4Address")
    ipv6: str = msgspec.field(default="", name="IPv6Address")
    link_local: list[str] = msgspec.field(default_factory=list, name="LinkLocalIPs")


class EndpointJson(msgspec.Struct, rename="pascal", kw_only=True):
    """What a client may say of an endpoint, and from ``network_id`` on what inspect tells of it besides: clients send
    that back, it is not theirs to say, and ignored."""

    ipam_config: IpamJson = msgspec.field(default_factory=IpamJson, name="IPAMConfig")
    links: list[str] = []
    aliases: list[str] = []
    mac_address: str = ""
    driver_opts: dict[str, str] = {}
    gw_priority: int = 0
    network_id: str = msgspec.field(default="", name="NetworkID")
    endpoint_id: str = msgspec.field(default="", name="EndpointID")
    gateway: str = ""
    ip_address: str = msgspec.field(default="", name="IPAddress")
    ip_prefix_len: int = msgspec.field(default=0, name="IPPrefixLen")
    ipv6_gateway: str = msgspec.field(default="", name="IPv6Gateway")
    global_ipv6_address: str = msgspec.field(default="", name="GlobalIPv6Address")
    global_ipv6_prefix_len: int = msgspec.field(default=0, name="GlobalIPv6PrefixLen")
    dns_names: list[str] = msgspec.field(default_factory=list, name="DNSNames")


class ConnectJson(msgspec.Struct, rename="pascal", kw_only=True):
    container: str = ""
    endpoint_config: dict[str, Any] = {}


class DisconnectJson(msgspec.Struct, rename="pascal", kw_only=True):
    container: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    container: str
    settings: EndpointSettings


def decode_networking(raw: dict[str, Any], *, version: ApiVersion) -> dict[str, EndpointSettings]:
    """The endpoint settings by network, as the client names it. Raises Invalid or Unsupported."""
    endpoints = raw.get("EndpointsConfig", {})
    if not isinstance(endpoints, dict):
        raise Invalid("NetworkingConfig.EndpointsConfig: expected an object")
    if len(endpoints) > (_MOST_NETWORKS if version >= _SEVERAL_FROM else 1):
        names = ", ".join(shown(name) for name in sorted(endpoints)[:5])
        raise Invalid(f"Container cannot be connected to network endpoints: {names}")
    return {
        "bridge"
        if network == "default"
        else check_network("NetworkingConfig.EndpointsConfig", network): decode_settings(
            f"NetworkingConfig.EndpointsConfig.{shown(network)}", settings
        )
        for network, settings in endpoints.items()
    }


def decode_connection(body: bytes) -> Connection:
    given = decode(spelled(parse_object(body), ConnectJson), ConnectJson)  # docker-api, of Ruby, says "container"
    if not given.container:
        raise Invalid("Container: no container specified")
    return Connection(
        check_name("Container", given.container), decode_settings("EndpointConfig", given.endpoint_config)
    )


def decode_disconnection(body: bytes) -> DisconnectJson:
    given = decode(spelled(parse_object(body), DisconnectJson), DisconnectJson)
    if not given.container:
        raise Invalid("Container: no container specified")
    check_name("Container", given.container)
    return given


def decode_settings(field: str, raw: object) -> EndpointSettings:
    if raw is None:
        return EndpointSettings()
    if not isinstance(raw, dict):
        raise Invalid(f"{field}: expected an object")
    try:
        given = decode(raw, EndpointJson)
    except Invalid as error:
        raise Invalid(f"{field}: {error}") from error
    check_texts(f"{field}.Aliases", given.aliases, longest=255)
    check_texts(f"{field}.Links", given.links, longest=511)
    check_mapping(f"{field}.DriverOpts", given.driver_opts)
    for name in given.driver_opts:
        if name.startswith("com.docker.network."):
            raise Unsupported(f"{field}.DriverOpts: {shown(name)} is not supported by this engine (yet); leave it out")
    if not _LEAST_PRIORITY <= given.gw_priority <= _MOST_PRIORITY:
        raise Invalid(f"{field}.GwPriority: {given.gw_priority} is out of range")
    return EndpointSettings(
        aliases=tuple(dict.fromkeys(given.aliases)),
        links=tuple(given.links),
        ip_address=_checked_address(f"{field}.IPAMConfig.IPv4Address", given.ipam_config.ipv4),
        mac_address=checked_mac(f"{field}.MacAddress", given.mac_address),
        driver_options=given.driver_opts,
        priority=given.gw_priority,
        ipv6_address=_checked_ipv6(f"{field}.IPAMConfig.IPv6Address", given.ipam_config.ipv6),
        link_local=_link_local(f"{field}.IPAMConfig.LinkLocalIPs", given.ipam_config.link_local),
    )


def all_wishes(
    mode: str, settings: Mapping[str, EndpointSettings], *, mac_address: str
) -> Mapping[str, EndpointSettings] | None:
    """The networks a container is to be joined to; None: the one of ``mode``, nothing said.

    As Docker has it: endpoints stand in for the default network, and add to any other.
    """
    others = {name: wish for name, wish in settings.items() if name != mode}
    own = settings.get(mode, EndpointSettings())
    own = replace(own, mac_address=own.mac_address or mac_address)
    if not others and own == EndpointSettings(mac_address=own.mac_address):
        return None
    if mode == "bridge" and mode not in settings:
        return others
    return {mode: own, **others}


def _checked_address(field: str, text: str) -> str:
    if not text:
        return ""
    try:
        return str(IPv4Address(text))
    except AddressValueError as error:
        raise Invalid(f"{field}: invalid IPv4 address: {shown(text)}") from error


def _checked_ipv6(field: str, text: str) -> str:
    if not text:
        return ""
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise Invalid(f"{field}: invalid IPv6 address: {shown(text)}") from error
    if address.scope_id is not None:
        raise Invalid(f"{field}: invalid IPv6 address: {shown(text)}: a zone has no place here")
    return str(address)


def _link_local(field: str, texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) > _MOST_LINK_LOCAL:
        raise Invalid(f"{field}: {len(texts)} addresses; at most {_MOST_LINK_LOCAL} are supported")
    return tuple(dict.fromkeys(_checked_link_local(field, text) for text in texts if text))


def _checked_link_local(field: str, text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise Invalid(f"{field}: invalid link-local IP address: {shown(text)}") from error
    is_plain = not (isinstance(address, IPv6Address) and address.scope_id is not None)
    if not address.is_link_local or not is_plain:
        raise Invalid(f"{field}: {shown(text)} is not an address of 169.254.0.0/16 or fe80::/10")
    return str(address)


def checked_mac(field: str, text: str) -> str:
    """As inspect spells it. Raises Invalid, also for the address of a group, which no link can have."""
    if not text:
        return ""
    if not _MAC.fullmatch(text) or int(text[1], 16) & 1:
        raise Invalid(f"{field}: invalid mac address: {shown(text)}")
    return text.lower().replace("-", ":")
