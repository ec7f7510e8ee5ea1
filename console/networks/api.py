from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from console.hosts.queries import get_host
from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.networks import operations
from console.networks.queries import get_network as find_network
from console.networks.queries import members_of, unused_networks, visible_networks
from console.networks.schemas import (
    ConnectGiven,
    DisconnectGiven,
    MembersShown,
    NetworkGiven,
    NetworkPruneGiven,
    NetworkQuery,
    NetworkShown,
    NetworkWorkspaceGiven,
    PruneQuery,
)
from console.operations.permissions import Permission
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Slug, listing
from console.web.permits import require_held
from console.workspaces.queries import get_workspace

router = Router()
ONE = "networks/{host}/{name}"


@router.get("networks", response=Listing[NetworkShown])
def list_networks(request: HttpRequest, wanted: Query[NetworkQuery]) -> Listing[NetworkShown]:
    """By name, of all hosts."""
    actor = require_held(actor_of(request), Permission.NETWORK_VIEW)
    return listing(visible_networks(actor, wanted.wanted), wanted, by="name", show=NetworkShown.of)


@router.post("networks", response={202: JobShown})
def create_network(request: HttpRequest, response: HttpResponse, given: NetworkGiven) -> JobShown:
    asked = given.model_dump()
    return job_accepted(response, operations.create_network(actor_of(request), asked.pop("host"), **asked))


@router.get("unused-networks", response=list[NetworkShown])
def list_unused_networks(request: HttpRequest, wanted: Query[PruneQuery]) -> list[NetworkShown]:
    """What a prune would remove: no container is on them."""
    actor = require_held(actor_of(request), Permission.NETWORK_VIEW)
    found = unused_networks(actor, get_host(actor, wanted.host), get_workspace(actor, wanted.workspace))
    return [NetworkShown.of(network) for network in found]


@router.post("unused-networks/prune", response={202: JobShown})
def prune_networks(request: HttpRequest, response: HttpResponse, given: NetworkPruneGiven) -> JobShown:
    """Of those named, what is still unused goes."""
    actor = actor_of(request)
    job = operations.prune_networks(actor, given.host, workspace=given.workspace, names=given.names)
    return job_accepted(response, job)


@router.get(ONE, response=NetworkShown)
def get_network(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> NetworkShown:
    """By its name, or its id's first 12 or more digits."""
    return NetworkShown.of(find_network(require_held(actor_of(request), Permission.NETWORK_VIEW), host, name))


@router.delete(ONE, response={202: JobShown})
def remove_network(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> JobShown:
    return job_accepted(response, operations.remove_network(actor_of(request), host, name))


@router.get(f"{ONE}/containers", response=MembersShown)
def list_network_members(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> MembersShown:
    """The containers on it, with their addresses."""
    actor = require_held(actor_of(request), Permission.NETWORK_VIEW)
    return MembersShown.of(*members_of(actor, find_network(actor, host, name)))


@router.post(f"{ONE}/connect", response={202: JobShown})
def connect_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: ConnectGiven
) -> JobShown:
    """Have a container join."""
    job = operations.connect_container(actor_of(request), host, name, **given.model_dump())
    return job_accepted(response, job)


@router.post(f"{ONE}/disconnect", response={202: JobShown})
def disconnect_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: DisconnectGiven
) -> JobShown:
    """Have a container leave."""
    job = operations.disconnect_container(actor_of(request), host, name, **given.model_dump())
    return job_accepted(response, job)


@router.put(f"{ONE}/workspace", response=NetworkShown)
def move_network(
    request: HttpRequest, host: Path[Slug], name: Path[Name], given: NetworkWorkspaceGiven
) -> NetworkShown:
    """Give it to another workspace. The containers on it stay where they are."""
    moved = operations.move_network(actor_of(request), host, name, workspace=given.workspace)
    return NetworkShown.of(moved)
