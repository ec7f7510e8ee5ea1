"""The networks that a container wishes to be on, checked against those there are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.containers.etc_files import hostname_of
from engine.model.container import Container, ContainerSpec, Endpoint
from engine.model.errors import Invalid
from engine.model.network import EndpointSettings, KnownAs, Network
from engine.networks.plans import check_settings, in_order, without_ipv6
from engine.networks.service import Networks


@dataclass(frozen=True, slots=True)
class Wish:
    network: Network
    settings: EndpointSettings


def with_known_networks(spec: ContainerSpec, networks: Networks) -> ContainerSpec:
    """Names in place of the ids of networks. One that does not exist stays as typed, and is missed at the start: it may
    be made until then. Raises Invalid or Denied for what a network cannot do."""
    if spec.networks is None and (spec.network_mode == "bridge" or not spec.is_bridged):
        return spec
    found: dict[str, EndpointSettings] = {}
    for name, settings in spec.wished_networks.items():
        network = networks.find(name)
        if network is not None:
            check_settings(network, settings)
        if network is None and name in ("host", "none"):
            raise Invalid(f"conflicting options: container cannot be on {name} and on another network")
        found[network.name if network else name] = settings
    return replace(spec, networks=found)


def wishes(container: Container, networks: Networks) -> list[Wish]:
    """The way out first. Raises Missing for a network that is not there."""
    return [
        Wish(as_taken(networks.get(name), container.spec), settings)
        for name, settings in in_order(container.spec.wished_networks)
    ]


def as_taken(network: Network, spec: ContainerSpec) -> Network:
    """Without IPv6 for a container that has it turned off by its sysctls."""
    is_off = any(spec.sysctls.get(f"net.ipv6.conf.{links}.disable_ipv6") == "1" for links in ("all", "default"))
    return without_ipv6(network) if is_off else network


def known_as(container: Container, settings: EndpointSettings) -> KnownAs:
    """Names as in Docker's ``DNSNames``."""
    own = (container.name, *settings.aliases, container.id[:12])
    return KnownAs(tuple(dict.fromkeys((*own, hostname_of(container)))), container.spec.dns)


def name_server(endpoints: Sequence[Endpoint], networks: Networks) -> str:
    """Where a container asks for names: at the gateway of its first network that has them; "" when none has."""
    return next((str(networks.get(each.network).gateway) for each in endpoints if each.names), "")


def leading_out(wished: list[Wish]) -> Network | None:
    """The network by which a container's ports will be published."""
    return next((wish.network for wish in wished if not wish.network.internal), None)
