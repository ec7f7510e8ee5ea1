from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.operations.permissions import Permission
from console.rest.answers import accepted, not_kept
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Number, Paging, Slug, listing
from console.shares import operations
from console.shares.operations import IssuedShare
from console.shares.queries import get_share as find_share
from console.shares.queries import visible_shares
from console.shares.schemas import LinkGiven, ShareMade, ShareShown
from console.web.permits import require_held

router = Router()


@router.get("shares", response=Listing[ShareShown])
def list_shares(request: HttpRequest, wanted: Query[Paging]) -> Listing[ShareShown]:
    """Newest first: your own, and those to things where you manage grants."""
    return listing(visible_shares(actor_of(request)), wanted, by="-pk", show=ShareShown.of)


@router.get("shares/{share_id}", response=ShareShown)
def get_share(request: HttpRequest, share_id: Path[Number]) -> ShareShown:
    return ShareShown.of(find_share(actor_of(request), share_id))


@router.delete("shares/{share_id}", response=ShareShown)
def revoke_share(request: HttpRequest, share_id: Path[Number]) -> ShareShown:
    """It ends now. Never by a token."""
    return ShareShown.of(operations.revoke_share(actor_of(request), share_id))


@router.post("containers/{host}/{name}/shares", response={201: ShareMade})
def share_container_log(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: LinkGiven
) -> ShareMade:
    """A link by which anybody reads the container's log for a while. Never by a token."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    issued = operations.share_container_log(actor, host, name, **given.model_dump())
    return _made(request, response, issued)


@router.post("jobs/{number}/shares", response={201: ShareMade})
def share_job_output(request: HttpRequest, response: HttpResponse, number: Path[Number], given: LinkGiven) -> ShareMade:
    """A link by which anybody reads the job's output for a while. Never by a token."""
    actor = require_held(actor_of(request), Permission.JOB_VIEW)
    return _made(request, response, operations.share_job_output(actor, number, **given.model_dump()))


def _made(request: HttpRequest, response: HttpResponse, issued: IssuedShare) -> ShareMade:
    accepted(response, reverse("api:list_shares"))
    not_kept(response)
    facts = ShareShown.of(issued.share).model_dump()
    return ShareMade(**facts, url=request.build_absolute_uri(issued.path))
