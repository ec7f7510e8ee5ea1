"""Networks: the one bridge and Docker's two pseudo networks, alone and as endpoints of a container."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.model.container import Container, Endpoint
from engine.model.digest import Digest
from engine.wire.times import timestamp


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """``subnet`` in CIDR form and ``gateway`` are empty for none and host; ``link`` is the bridge's interface."""

    id: str
    name: str
    driver: str
    created_at: datetime | None
    subnet: str = ""
    gateway: str = ""
    link: str = ""


def endpoint_id(container_id: str) -> str:
    """Endpoints have no identity of their own here; Docker's clients want 64 digits."""
    return Digest.of(f"endpoint {container_id}".encode()).hex


def encode_endpoint(container: Container, network_id: str) -> dict[str, Any]:
    """``EndpointSettings``; the addresses are empty while the container does not run."""
    endpoint = container.endpoint if container.is_running else None
    is_joined = container.is_running
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "MacAddress": endpoint.mac_address if endpoint else "",
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": network_id if is_joined else "",
        "EndpointID": endpoint_id(container.id) if is_joined else "",
        "Gateway": endpoint.gateway if endpoint else "",
        "IPAddress": endpoint.ip_address if endpoint else "",
        "IPPrefixLen": endpoint.prefix_length if endpoint else 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": None,
    }


def encode_network(
    facts: NetworkFacts, *, endpoints: Mapping[str, Endpoint] | None = None, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """``endpoints`` by container id, for inspect; the list has none. ``names`` are those of the containers."""
    config = [{"Subnet": facts.subnet, "Gateway": facts.gateway}] if facts.subnet else []
    return {
        "Name": facts.name,
        "Id": facts.id,
        "Created": timestamp(facts.created_at),
        "Scope": "local",
        "Driver": facts.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": config},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            container_id: {
                "Name": (names or {}).get(container_id, ""),
                "EndpointID": endpoint_id(container_id),
                "MacAddress": endpoint.mac_address,
                "IPv4Address": f"{endpoint.ip_address}/{endpoint.prefix_length}",
                "IPv6Address": "",
            }
            for container_id, endpoint in (endpoints or {}).items()
        },
        "Options": _options(facts),
        "Labels": {},
    }


def _options(facts: NetworkFacts) -> dict[str, str]:
    if not facts.link:
        return {}
    return {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",  # noqa: S104  (Docker's word for its default)
        "com.docker.network.bridge.name": facts.link,
        "com.docker.network.driver.mtu": "1500",
    }
