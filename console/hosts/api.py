from django.http import HttpRequest
from ninja import Path, Query, Router

from console.hosts.queries import get_host as find_host
from console.hosts.queries import visible_hosts
from console.hosts.schemas import HostShown
from console.operations.permissions import Permission
from console.rest.door import actor_of
from console.rest.schemas import Listing, Paging, Slug, listing
from console.web.permits import require_held

router = Router()


@router.get("hosts", response=Listing[HostShown])
def list_hosts(request: HttpRequest, wanted: Query[Paging]) -> Listing[HostShown]:
    """By name."""
    actor = require_held(actor_of(request), Permission.HOST_VIEW)
    return listing(visible_hosts(actor), wanted, by="name", show=HostShown.of)


@router.get("hosts/{host}", response=HostShown)
def get_host(request: HttpRequest, host: Path[Slug]) -> HostShown:
    return HostShown.of(find_host(require_held(actor_of(request), Permission.HOST_VIEW), host))
