"""What a network or an endpoint will be, worked out before anything is touched. Pure: what is taken is passed in."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

from engine.model.container import Endpoint
from engine.model.errors import Conflict, Denied, Invalid
from engine.model.network import BRIDGE_NAME, EndpointSettings, KnownAs, Network, NetworkRequest
from engine.networks.addresses import choose_subnet, gateway_of, next_free, overlapping
from engine.networks.network import bridge_name, link_prefix, mac_address


def planned_network(
    request: NetworkRequest, *, network_id: str, instance: str, taken: Collection[IPv4Network], at: datetime
) -> Network:
    """Raises Denied, in Docker's words, when its subnet is not free; ``taken`` are those of host and networks."""
    subnet = request.subnet or choose_subnet(taken)
    if (other := overlapping(subnet, taken)) is not None:
        raise Denied(f"invalid pool request: Pool overlaps with other one on this address space: {subnet} and {other}")
    bridge = request.options.get(BRIDGE_NAME) or bridge_name(instance, network_id)
    if bridge.startswith(link_prefix(instance)):
        raise Invalid(f"{BRIDGE_NAME}: {bridge} could be the name of a container's link; choose another")
    return Network(
        id=network_id,
        name=request.name,
        bridge=bridge,
        subnet=subnet,
        gateway=request.gateway or _first_gateway(request, subnet),
        created_at=at,
        has_own_subnet=request.subnet is not None,
        ip_range=request.ip_range,
        auxiliary=request.auxiliary,
        internal=request.internal,
        attachable=request.attachable,
        options=request.options,
        ipam_options=request.ipam_options,
        labels=request.labels,
    )


def _first_gateway(request: NetworkRequest, subnet: IPv4Network) -> IPv4Address:
    taken = set(request.auxiliary.values())
    return next((address for address in subnet.hosts() if address not in taken), gateway_of(subnet))


def reserved(network: Network) -> set[IPv4Address]:
    """Addresses that no container may have."""
    return {network.gateway, *network.auxiliary.values()}


def chosen_address(
    network: Network,
    settings: EndpointSettings,
    *,
    used: Collection[IPv4Address],
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


def check_settings(network: Network, settings: EndpointSettings) -> None:
    """Raises Invalid, in Docker's words, for what cannot be wished of this network."""
    if network.is_default and settings.aliases:
        raise Invalid("network-scoped alias is supported only for containers in user defined networks")
    if not settings.ip_address:
        return
    if network.is_default:
        raise Invalid("user specified IP address is supported on user defined networks only")
    if not network.has_own_subnet:
        raise Invalid(
            "user specified IP address is supported only when connecting to networks with user configured subnets"
        )
    check_address(network, IPv4Address(settings.ip_address))


def check_address(network: Network, address: IPv4Address) -> None:
    subnet = network.subnet
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise Invalid(
            f"IPAMConfig.IPv4Address: invalid address {address}: "
            f"It does not belong to any of this network's subnets ({subnet})"
        )
    if address in reserved(network):
        raise Denied(f"IPAMConfig.IPv4Address: {address}: Address already in use")


def new_endpoint(
    network: Network,
    settings: EndpointSettings,
    *,
    address: IPv4Address,
    beside: Iterable[Endpoint],
    known_as: KnownAs,
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
    )


def way_out(endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """The endpoint that has default route and published ports: of the highest priority, among equals the first."""
    return max((each for each in endpoints if each.leads_out), key=lambda each: each.priority, default=None)


def in_order(wishes: Mapping[str, EndpointSettings]) -> list[tuple[str, EndpointSettings]]:
    """The way out first, so that it is ``eth0``."""
    return sorted(wishes.items(), key=lambda wish: -wish[1].priority)


def check_name_free(name: str, networks: Iterable[Network]) -> None:
    if name in ("host", "none", *(each.name for each in networks)):
        raise Conflict(f"network with name {name} already exists")
