from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.hosts import operations
from console.hosts.queries import get_host as find_host
from console.hosts.queries import visible_hosts
from console.hosts.schemas import HostName, HostShown, KeyMade, NewHost, RemovalAsked
from console.operations.permissions import Permission
from console.rest.answers import accepted, not_kept
from console.rest.door import actor_of
from console.rest.schemas import Listing, Paging, Slug, listing
from console.web.permits import require_held

router = Router()
ONE = "hosts/{host}"


@router.get("hosts", response=Listing[HostShown])
def list_hosts(request: HttpRequest, wanted: Query[Paging]) -> Listing[HostShown]:
    """By name."""
    actor = require_held(actor_of(request), Permission.HOST_VIEW)
    return listing(visible_hosts(actor), wanted, by="name", show=HostShown.of)


@router.post("hosts", response={201: KeyMade})
def add_host(request: HttpRequest, response: HttpResponse, given: NewHost) -> KeyMade:
    """With the key that its agent calls with. Asks for a proof."""
    issued = operations.add_host(actor_of(request), name=given.name, address=given.address)
    accepted(response, reverse("api:get_host", args=[issued.host.name]))
    not_kept(response)
    return KeyMade.issued(issued)


@router.get(ONE, response=HostShown)
def get_host(request: HttpRequest, host: Path[Slug]) -> HostShown:
    return HostShown.of(find_host(require_held(actor_of(request), Permission.HOST_VIEW), host))


@router.patch(ONE, response=HostShown)
def rename_host(request: HttpRequest, host: Path[Slug], given: HostName) -> HostShown:
    """Of a host whose agent calls, and while no job is under way there. Asks for a proof."""
    return HostShown.of(operations.rename_host(actor_of(request), host, new_name=given.name))


@router.delete(ONE, response={204: None})
def remove_host(request: HttpRequest, host: Path[Slug], asked: Query[RemovalAsked]) -> None:
    """Off all lists; nothing on the machine is touched. Asks for a proof."""
    operations.remove_host(actor_of(request), host, force=asked.force)


@router.post(f"{ONE}/key", response={201: KeyMade})
def renew_host_key(request: HttpRequest, response: HttpResponse, host: Path[Slug]) -> KeyMade:
    """Another key; the one before opens nothing from then on. Asks for a proof."""
    issued = operations.renew_key(actor_of(request), host)
    not_kept(response)
    return KeyMade.issued(issued)


@router.delete(f"{ONE}/key", response={204: None})
def revoke_host_key(request: HttpRequest, host: Path[Slug]) -> None:
    """Nobody calls for this host until it is given another. Asks for a proof."""
    operations.revoke_key(actor_of(request), host)
