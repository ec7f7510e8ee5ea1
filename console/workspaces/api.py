from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.operations.permissions import Permission
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Paging, Slug, listing
from console.web.permits import require_held
from console.workspaces import operations
from console.workspaces.queries import get_workspace as find_workspace
from console.workspaces.queries import visible_workspaces
from console.workspaces.schemas import NewWorkspace, PolicyGiven, PolicyShown, TitleGiven, WorkspaceShown

router = Router()
ONE = "workspaces/{slug}"


@router.get("workspaces", response=Listing[WorkspaceShown])
def list_workspaces(request: HttpRequest, wanted: Query[Paging]) -> Listing[WorkspaceShown]:
    """By short name."""
    actor = require_held(actor_of(request), Permission.WORKSPACE_VIEW)
    return listing(visible_workspaces(actor), wanted, by="slug", show=WorkspaceShown.of)


@router.post("workspaces", response={201: WorkspaceShown})
def create_workspace(request: HttpRequest, response: HttpResponse, given: NewWorkspace) -> WorkspaceShown:
    made = operations.create_workspace(actor_of(request), slug=given.slug, title=given.title)
    accepted(response, reverse("api:get_workspace", args=[made.slug]))
    return WorkspaceShown.of(made)


@router.get(ONE, response=WorkspaceShown)
def get_workspace(request: HttpRequest, slug: Path[Slug]) -> WorkspaceShown:
    return WorkspaceShown.of(find_workspace(require_held(actor_of(request), Permission.WORKSPACE_VIEW), slug))


@router.patch(ONE, response=WorkspaceShown)
def retitle_workspace(request: HttpRequest, slug: Path[Slug], given: TitleGiven) -> WorkspaceShown:
    return WorkspaceShown.of(operations.retitle_workspace(actor_of(request), slug, title=given.title))


@router.delete(ONE, response={204: None})
def delete_workspace(request: HttpRequest, slug: Path[Slug]) -> None:
    """With its grants, when it owns nothing any more."""
    operations.delete_workspace(actor_of(request), slug)


@router.get(f"{ONE}/policy", response=PolicyShown)
def get_policy(request: HttpRequest, slug: Path[Slug]) -> PolicyShown:
    """What it may ask of hosts."""
    actor = require_held(actor_of(request), Permission.WORKSPACE_VIEW)
    found = find_workspace(actor, slug)
    require_held(actor, Permission.POLICY_VIEW, on=found)
    return PolicyShown.of(found.rules)


@router.put(f"{ONE}/policy", response=PolicyShown)
def change_policy(request: HttpRequest, slug: Path[Slug], given: PolicyGiven) -> PolicyShown:
    """From now on; what runs already goes on. Asks for a proof."""
    return PolicyShown.of(operations.change_rules(actor_of(request), slug, given.rules).rules)
