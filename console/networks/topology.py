"""What the drawing of a host's networks shows to one person."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse

from console.hosts.models import Host
from console.hosts.neighbours import Neighbour, neighbours
from console.networks.layout import Boat, Drawing, Wire, draw
from console.networks.models import PREDEFINED, Network
from console.networks.queries import NetworkFilter, visible_networks
from console.operations.actor import Actor

MOST_BOATS = 300
# what no container has the pleasure of being connected by
UNDRAWN = ("none",)


@dataclass(frozen=True, slots=True)
class Row:
    """The same for who does not see the drawing."""

    container: Neighbour
    networks: list[tuple[Network, Mapping[str, object]]]
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """``left_out``: how many containers are not drawn, since there are too many."""

    drawing: Drawing
    rows: list[Row]
    left_out: int


def topology_of(actor: Actor, host: Host, *, workspace: str = "") -> Topology:
    """Containers and networks that the actor may see; the engine's own networks are nobody's, and shown to all."""
    known = [one for one in neighbours(actor, host).values() if not workspace or one.workspace == workspace]
    known.sort(key=lambda one: (not one.is_alive, one.name))
    shown = {one.engine_id: one for one in known[:MOST_BOATS]}
    seen = set(visible_networks(actor, NetworkFilter(host=host.name)).values_list("pk", flat=True))
    rows: dict[str, Row] = {key: Row(one, [], ports_of(one)) for key, one in shown.items()}
    wires: list[Wire] = []
    present = Network.objects.select_related("host", "workspace").filter(host=host, gone_at=None)
    for network in present.exclude(name__in=UNDRAWN):
        if network.pk not in seen and network.name not in PREDEFINED:
            continue
        own = [member for member in network.members if member["container"] in rows]
        for member in own:
            rows[member["container"]].networks.append((network, member))
        is_wanted = not workspace or network.workspace.slug == workspace
        if own or (network.pk in seen and is_wanted and not network.is_predefined):
            wires.append(_wire(network, has_page=network.pk in seen))
    return Topology(draw(wires, [_boat(row) for row in rows.values()]), list(rows.values()), len(known) - len(shown))


def ports_of(container: Neighbour) -> tuple[str, ...]:
    if not container.is_alive:
        return ()
    shown = (
        f"{port['host_port']} → {port['container_port']}"
        + ("" if port["protocol"] == "tcp" else f"/{port['protocol']}")
        for port in container.ports
        if port.get("host_port")
    )
    # once, though it is published on IPv4 and IPv6
    return tuple(dict.fromkeys(shown))


def _wire(network: Network, *, has_page: bool) -> Wire:
    subnet = next((one["subnet"] for one in network.subnets if one.get("subnet")), "")
    url = reverse("networks:network", args=[network.host.name, network.key]) if has_page else ""
    return Wire(network.engine_id, network.name, subnet, url, network.is_internal)


def _boat(row: Row) -> Boat:
    one = row.container
    wires = frozenset(network.engine_id for network, _member in row.networks)
    return Boat(one.engine_id, one.name, one.url, one.is_alive, one.image, row.ports, wires)
