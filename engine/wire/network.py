"""Networks: ours and Docker's two pseudo networks, alone and as endpoints of a container."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.model.container import Container, Endpoint
from engine.model.digest import Digest
from engine.model.network import (
    BRIDGE_NAME,
    EVERY_ADDRESS,
    HOST_BINDING,
    ICC,
    MASQUERADE,
    MTU,
    EndpointSettings,
    Ipv6Part,
    Network,
)
from engine.wire.times import timestamp

_DEFAULT: Final = "bridge"


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """``network`` is None for none and host."""

    id: str
    name: str
    driver: str
    created_at: datetime | None = None
    network: Network | None = None


def endpoint_id(container_id: str, network: str) -> str:
    """Endpoints have no identity of their own here; Docker's clients want 64 digits."""
    return Digest.of(f"endpoint {container_id} {network}".encode()).hex


def encode_endpoint(
    container: Container, network: str, settings: EndpointSettings, *, network_id: str
) -> dict[str, Any]:
    """``EndpointSettings``; the addresses are empty while the container does not run."""
    found = [each for each in container.endpoints if each.network == network] if container.is_running else []
    endpoint = found[0] if found else None
    wished_mac = "" if network == _DEFAULT else settings.mac_address  # of the default one only what is so, as in Docker
    is_joined = container.is_running and (endpoint is not None or not container.spec.is_bridged)
    return {
        "IPAMConfig": _ipam_config(settings),
        "Links": list(settings.links) or None,
        "Aliases": list(settings.aliases) or None,
        "MacAddress": endpoint.mac_address if endpoint else wished_mac,
        "DriverOpts": dict(settings.driver_options) or None,
        "GwPriority": settings.priority,
        "NetworkID": network_id if is_joined else "",
        "EndpointID": endpoint_id(container.id, network) if is_joined else "",
        "Gateway": endpoint.gateway if endpoint else "",
        "IPAddress": endpoint.ip_address if endpoint else "",
        "IPPrefixLen": endpoint.prefix_length if endpoint else 0,
        "IPv6Gateway": endpoint.ipv6_gateway if endpoint else "",
        "GlobalIPv6Address": endpoint.ipv6_address if endpoint else "",
        "GlobalIPv6PrefixLen": endpoint.ipv6_prefix_length if endpoint else 0,
        "DNSNames": list(endpoint.names) or None if endpoint else None,
    }


def _ipam_config(settings: EndpointSettings) -> dict[str, Any] | None:
    wished = {
        "IPv4Address": settings.ip_address,
        "IPv6Address": settings.ipv6_address,
        "LinkLocalIPs": list(settings.link_local),
    }
    return {name: value for name, value in wished.items() if value} or None


def _with_length(address: str, prefix_length: int) -> str:
    return f"{address}/{prefix_length}" if address else ""


def encode_network(
    facts: NetworkFacts, *, endpoints: Mapping[str, Endpoint] | None = None, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """``endpoints`` by container id, for inspect; the list has none. ``names`` are those of the containers."""
    network = facts.network
    return {
        "Name": facts.name,
        "Id": facts.id,
        "Created": timestamp(facts.created_at),
        "Scope": "local",
        "Driver": facts.driver,
        "EnableIPv4": True,
        "EnableIPv6": network is not None and network.enable_ipv6,
        "IPAM": _ipam(network),
        "Internal": network is not None and network.internal,
        "Attachable": network is not None and network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            container_id: {
                "Name": (names or {}).get(container_id, ""),
                "EndpointID": endpoint_id(container_id, facts.name),
                "MacAddress": endpoint.mac_address,
                "IPv4Address": f"{endpoint.ip_address}/{endpoint.prefix_length}",
                "IPv6Address": _with_length(endpoint.ipv6_address, endpoint.ipv6_prefix_length),
            }
            for container_id, endpoint in (endpoints or {}).items()
        },
        "Options": _options(network),
        "Labels": dict(network.labels) if network else {},
    }


def _ipam(network: Network | None) -> dict[str, Any]:
    if network is None:
        return {"Driver": "default", "Options": None, "Config": []}
    parts: list[Network | Ipv6Part] = [network, *([network.ipv6_config] if network.ipv6_config else [])]
    options = dict(network.ipam_options) or None
    return {"Driver": "default", "Options": options, "Config": [_ipam_of(part) for part in parts]}


def _ipam_of(part: Network | Ipv6Part) -> dict[str, Any]:
    config: dict[str, Any] = {"Subnet": str(part.subnet)}
    if part.ip_range is not None:
        config["IPRange"] = str(part.ip_range)
    config["Gateway"] = str(part.gateway)
    if part.auxiliary:
        config["AuxiliaryAddresses"] = {name: str(address) for name, address in part.auxiliary.items()}
    return config


def _options(network: Network | None) -> dict[str, str]:
    """A network that a client made has what it asked for; the default one tells all that is so."""
    if network is None or not network.is_default:
        return dict(network.options) if network else {}
    return {
        "com.docker.network.bridge.default_bridge": "true",
        ICC: "true",
        MASQUERADE: "true",
        HOST_BINDING: EVERY_ADDRESS,
        BRIDGE_NAME: network.bridge,
        MTU: "1500",
    }
