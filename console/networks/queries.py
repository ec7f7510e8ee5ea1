"""Reading networks: those over which network.view is held."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.neighbours import Neighbour, find_neighbour, neighbours
from console.networks.models import PREDEFINED, Network
from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id", host="host_id", labels="labels")


@dataclass(frozen=True, slots=True)
class NetworkFilter:
    """Each given field narrows. Networks that are gone are left out unless ``gone``."""

    host: str = ""
    driver: str = ""
    text: str = ""
    gone: bool = False
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A container on a network, as somebody sees it who may see the container too."""

    name: str
    ipv4: str
    ipv6: str
    mac: str
    aliases: list[str]
    shown: Neighbour


def visible_networks(actor: Actor, wanted: NetworkFilter | None = None) -> QuerySet[Network]:
    """By name, hosts and workspaces along."""
    wanted = wanted or NetworkFilter()
    all_networks = Network.objects.select_related("host", "workspace").order_by("name", "pk")
    networks = bounded(actor, Permission.NETWORK_VIEW, all_networks, PATHS)
    if wanted.workspace:
        networks = networks.filter(workspace__slug=wanted.workspace)
    if not wanted.gone:
        networks = networks.filter(gone_at=None)
    if wanted.host:
        networks = networks.filter(host__name=wanted.host)
    if wanted.driver:
        networks = networks.filter(driver=wanted.driver)
    if wanted.text:
        networks = networks.filter(Q(name__icontains=wanted.text) | Q(engine_id__startswith=wanted.text.lower()))
    return networks


def get_network(actor: Actor, host_name: str, name: str) -> Network:
    """By name, or by the id's first 12 or more digits. One that is there goes before one that is gone."""
    known = visible_networks(actor, NetworkFilter(host=host_name, gone=True))
    matches = known.filter(Q(name=name) | Q(engine_id__startswith=name)) if len(name) >= 12 else known.filter(name=name)
    network = matches.filter(gone_at=None).first() or matches.order_by("-pk").first()
    if network is None:
        raise Missing(_("There is no network “%(name)s” on this host.") % {"name": name})
    return network


def members_of(
    actor: Actor, network: Network, known: Mapping[str, Neighbour] | None = None
) -> tuple[list[Member], int]:
    """The containers on it that the actor may see, and how many others there are. ``known``: all of the host that the
    actor may see, by whoever has them already.
    """
    if known is None:
        known = neighbours(actor, network.host, [one["container"] for one in network.members])
    seen = [_member(one, known[one["container"]]) for one in network.members if one["container"] in known]
    return seen, len(network.members) - len(seen)


def unused_networks(actor: Actor, host: Host, workspace: Workspace) -> list[Network]:
    """What a prune would remove: no container is on them, not even one that does not run."""
    present = visible_networks(actor, NetworkFilter(host=host.name, workspace=workspace.slug))
    return [network for network in present.exclude(name__in=PREDEFINED) if network.is_unused]


def names_in_use(host: Host) -> set[str]:
    return set(Network.objects.filter(host=host, gone_at=None).values_list("name", flat=True))


def own_container(actor: Actor, host: Host, name: str) -> Neighbour:
    """The container, if the actor may change what networks it is on. Invalid names ``container``; else Denied."""
    found = find_neighbour(actor, host, name.strip())
    if found is None:
        raise Invalid(_("There is no container “%(name)s” on this host.") % {"name": name[:255]}, field="container")
    wanted = Permission.NETWORK_MANAGE
    if not may(actor, wanted, at=found.place):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    return found


def own_networks(workspace: Workspace, host: Host) -> frozenset[str]:
    """Names of those that belong to the workspace. A rule of operations, so it asks for no permission."""
    present = Network.objects.filter(workspace=workspace, host=host, gone_at=None).exclude(name__in=PREDEFINED)
    return frozenset(present.values_list("name", flat=True))


def _member(one: dict[str, object], shown: Neighbour) -> Member:
    aliases = one.get("aliases")
    return Member(
        name=shown.name,
        ipv4=str(one.get("ipv4") or ""),
        ipv6=str(one.get("ipv6") or ""),
        mac=str(one.get("mac") or ""),
        aliases=[str(alias) for alias in aliases] if isinstance(aliases, list) else [],
        shown=shown,
    )
