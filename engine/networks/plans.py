"""What a network or an endpoint will be, worked out before anything is touched. Pure: what is taken is passed in."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from engine.model.container import Endpoint
from engine.model.errors import Conflict, Denied, Invalid
from engine.model.network import BRIDGE_NAME, EndpointSettings, Ipv6Part, KnownAs, Network, NetworkRequest
from engine.networks.addresses import (
    Address,
    Subnet,
    choose_ipv6_subnet,
    choose_subnet,
    first_gateway,
    next_free,
    next_free_ipv6,
    overlapping,
)
from engine.networks.network import bridge_name, link_prefix, mac_address


def planned_network(
    request: NetworkRequest,
    *,
    network_id: str,
    instance: str,
    taken: Collection[Subnet],
    ipv6_prefix: IPv6Network,
    at: datetime,
) -> Network:
    """Raises Denied, in Docker's words, when a subnet is not free; ``taken`` are those of host and networks.

    ``ipv6_prefix`` is where IPv6 subnets come from that nobody gave.
    """
    subnet = request.subnet or choose_subnet(taken)
    _check_free(subnet, taken)
    bridge = request.options.get(BRIDGE_NAME) or bridge_name(instance, network_id)
    if bridge.startswith(link_prefix(instance)):
        raise Invalid(f"{BRIDGE_NAME}: {bridge} could be the name of a container's link; choose another")
    return Network(
        id=network_id,
        name=request.name,
        bridge=bridge,
        subnet=subnet,
        gateway=request.gateway or IPv4Address(first_gateway(subnet, auxiliary=request.auxiliary.values())),
        created_at=at,
        has_own_subnet=request.subnet is not None,
        ip_range=request.ip_range,
        auxiliary=request.auxiliary,
        internal=request.internal,
        attachable=request.attachable,
        options=request.options,
        ipam_options=request.ipam_options,
        labels=request.labels,
        enable_ipv6=request.enable_ipv6,
        ipv6_config=_ipv6_part(request, taken, ipv6_prefix),
    )


def _ipv6_part(request: NetworkRequest, taken: Collection[Subnet], prefix: IPv6Network) -> Ipv6Part | None:
    said = request.ipv6
    if said is None and not request.enable_ipv6:
        return None
    given = said.subnet if said else None
    subnet = given or choose_ipv6_subnet(prefix, taken)
    if request.enable_ipv6:
        _check_free(subnet, taken)
    auxiliary = said.auxiliary if said else {}
    gateway = (said.gateway if said else None) or first_gateway(subnet, auxiliary=auxiliary.values())
    return Ipv6Part(
        subnet=subnet,
        gateway=IPv6Address(gateway),
        has_own_subnet=given is not None,
        ip_range=said.ip_range if said else None,
        auxiliary=auxiliary,
    )


def _check_free(subnet: IPv4Network | IPv6Network, taken: Collection[Subnet]) -> None:
    if (other := overlapping(subnet, taken)) is not None:
        raise Denied(f"invalid pool request: Pool overlaps with other one on this address space: {subnet} and {other}")


def without_ipv6(network: Network) -> Network:
    """As it is on a host that has no IPv6 (any more)."""
    return replace(network, enable_ipv6=False)


def subnets(network: Network) -> list[Subnet]:
    """Those in force."""
    return [network.subnet, *([network.ipv6.subnet] if network.ipv6 else [])]


def reserved(network: Network) -> set[Address]:
    """Addresses that no container may have."""
    ipv6 = network.ipv6
    of_6 = {ipv6.gateway, *ipv6.auxiliary.values()} if ipv6 else set()
    return {network.gateway, *network.auxiliary.values(), *of_6}


def chosen_address(
    network: Network,
    settings: EndpointSettings,
    *,
    used: Collection[Address],
    after: IPv4Address | None,
    former: str = "",
) -> IPv4Address:
    """The one it insists on, the one it had before, or the next. Raises Denied when that one is taken."""
    if settings.ip_address:
        address = IPv4Address(settings.ip_address)
        check_address(network, address)
        if address in used:
            raise Denied("Address already in use")
        return address
    if former and (address := IPv4Address(former)) in network.subnet and address not in used:
        return address
    return next_free(network.subnet, used, after=after, gateway=network.gateway, within=network.ip_range)


def chosen_ipv6_address(
    network: Network, settings: EndpointSettings, *, used: Collection[Address], beside: IPv4Address
) -> IPv6Address | None:
    """The one it insists on, or one like ``beside``, its IPv4 address. None where the network has no IPv6."""
    ipv6 = network.ipv6
    if ipv6 is None:
        return None
    if not settings.ipv6_address:
        return next_free_ipv6(
            ipv6.subnet, used, beside=beside, of=network.subnet, gateway=ipv6.gateway, within=ipv6.ip_range
        )
    address = IPv6Address(settings.ipv6_address)
    _check_ipv6_address(ipv6, address)
    if address in used:
        raise Denied("Address already in use")
    return address


def check_link_local_free(settings: EndpointSettings, *, used: Collection[Address]) -> None:
    for text in settings.link_local:
        if ip_address(text) in used:
            raise Denied(f"IPAMConfig.LinkLocalIPs: {text}: Address already in use")


def check_settings(network: Network, settings: EndpointSettings) -> None:
    """Raises Invalid, in Docker's words, for what cannot be wished of this network."""
    if network.is_default and settings.aliases:
        raise Invalid("network-scoped alias is supported only for containers in user defined networks")
    if network.is_default and (settings.ip_address or settings.ipv6_address):
        raise Invalid("user specified IP address is supported on user defined networks only")
    has_own_ipv6 = network.ipv6_config is not None and network.ipv6_config.has_own_subnet
    if (settings.ip_address and not network.has_own_subnet) or (settings.ipv6_address and not has_own_ipv6):
        raise Invalid(
            "user specified IP address is supported only when connecting to networks with user configured subnets"
        )
    if settings.ip_address:
        check_address(network, IPv4Address(settings.ip_address))
    if network.ipv6 is None and (of_6 := [each for each in settings.link_local if ":" in each]):
        raise Invalid(f"IPAMConfig.LinkLocalIPs: {of_6[0]}: network {network.name} has no IPv6")
    # as in Docker, a wish for an address of a network that has IPv6 turned off is noted, and without effect
    if settings.ipv6_address and network.ipv6 is not None:
        _check_ipv6_address(network.ipv6, IPv6Address(settings.ipv6_address))


def check_address(network: Network, address: IPv4Address) -> None:
    subnet = network.subnet
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise Invalid(
            f"IPAMConfig.IPv4Address: invalid address {address}: "
            f"It does not belong to any of this network's subnets ({subnet})"
        )
    if address in reserved(network):
        raise Denied(f"IPAMConfig.IPv4Address: {address}: Address already in use")


def _check_ipv6_address(part: Ipv6Part, address: IPv6Address) -> None:
    if address not in part.subnet or address == part.subnet.network_address:
        raise Invalid(
            f"IPAMConfig.IPv6Address: invalid address {address}: "
            f"It does not belong to any of this network's subnets ({part.subnet})"
        )
    if address == part.gateway or address in part.auxiliary.values():
        raise Denied(f"IPAMConfig.IPv6Address: {address}: Address already in use")


def new_endpoint(
    network: Network,
    settings: EndpointSettings,
    *,
    address: IPv4Address,
    beside: Iterable[Endpoint],
    known_as: KnownAs,
    ipv6_address: IPv6Address | None = None,
) -> Endpoint:
    """``beside``: the container's other endpoints, whose interfaces have names already."""
    taken = {each.interface for each in beside}
    interface = next(name for name in (f"eth{number}" for number in range(len(taken) + 1)) if name not in taken)
    links = (link.partition(":") for link in settings.links)
    return Endpoint(
        network=network.name,
        ip_address=str(address),
        prefix_length=network.subnet.prefixlen,
        gateway=str(network.gateway),
        leads_out=not network.internal,
        mac_address=settings.mac_address or mac_address(address),
        interface=interface,
        priority=settings.priority,
        names=() if network.is_default else known_as.names,
        servers=() if network.is_default else known_as.servers,
        links={} if network.is_default else {alias or target: target for target, _, alias in links},
        link_local=settings.link_local,
        **_ipv6_members(network.ipv6, ipv6_address),
    )


def _ipv6_members(part: Ipv6Part | None, address: IPv6Address | None) -> dict[str, Any]:
    if part is None or address is None:
        return {}
    return {
        "ipv6_address": str(address),
        "ipv6_prefix_length": part.subnet.prefixlen,
        "ipv6_gateway": str(part.gateway),
    }


def addresses_of(endpoint: Endpoint) -> set[Address]:
    """All that nobody else may have on its network."""
    texts = [endpoint.ip_address, *endpoint.link_local, *([endpoint.ipv6_address] if endpoint.ipv6_address else [])]
    return {ip_address(text) for text in texts}


def way_out(endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """The endpoint that has default route and published ports: of the highest priority, among equals the first."""
    return max((each for each in endpoints if each.leads_out), key=lambda each: each.priority, default=None)


def ipv6_way_out(endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """The same of IPv6, which may leave by another network when that one has none."""
    return way_out(each for each in endpoints if each.ipv6_address)


def in_order(wishes: Mapping[str, EndpointSettings]) -> list[tuple[str, EndpointSettings]]:
    """The way out first, so that it is ``eth0``."""
    return sorted(wishes.items(), key=lambda wish: -wish[1].priority)


def check_name_free(name: str, networks: Iterable[Network]) -> None:
    if name in ("host", "none", *(each.name for each in networks)):
        raise Conflict(f"network with name {name} already exists")
