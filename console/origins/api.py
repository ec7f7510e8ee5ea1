from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Router

from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.origins import operations
from console.origins.queries import get_origin
from console.origins.schemas import HookShown, NewGitStack, OriginGiven, OriginShown
from console.rest.answers import accepted, not_kept
from console.rest.door import actor_of
from console.rest.schemas import Number
from console.web.permits import require_held

router = Router()
ONE = "stacks/{stack_id}/git"


@router.post("stacks/git", response={201: OriginShown})
def create_stack_from_git(request: HttpRequest, response: HttpResponse, given: NewGitStack) -> OriginShown:
    """A stack whose files a job fetches from a repository. Nothing happens to containers until it is deployed."""
    actor = actor_of(request)
    made = operations.create_from_git(actor, given.host, name=given.name, workspace=given.workspace, given=given.facts)
    accepted(response, reverse("api:get_stack", args=[made.pk]))
    return OriginShown.of(get_origin(actor, made.pk))


@router.get(ONE, response=OriginShown)
def get_stack_repository(request: HttpRequest, stack_id: Path[Number]) -> OriginShown:
    """Where the stack's files come from."""
    return OriginShown.of(get_origin(_viewer(request), stack_id))


@router.put(ONE, response=OriginShown)
def follow_repository(request: HttpRequest, stack_id: Path[Number], given: OriginGiven) -> OriginShown:
    """The stack's files come from there, in your name, and are fetched at once; what runs stays as it is."""
    actor = actor_of(request)
    operations.follow_repository(actor, stack_id, given=given.facts)
    return OriginShown.of(get_origin(actor, stack_id))


@router.delete(ONE, response={204: None})
def detach_repository(request: HttpRequest, stack_id: Path[Number]) -> None:
    """Its files stay as they are, and are changed by hand from now on."""
    operations.detach_repository(actor_of(request), stack_id)


@router.post(f"{ONE}/fetch", response={202: JobShown})
def fetch_repository(request: HttpRequest, response: HttpResponse, stack_id: Path[Number]) -> JobShown:
    """What is there now becomes the stack's files."""
    return job_accepted(response, operations.fetch_now(actor_of(request), stack_id))


@router.post(f"{ONE}/hook", response=HookShown)
def make_hook(request: HttpRequest, response: HttpResponse, stack_id: Path[Number]) -> HookShown:
    """A secret for the hook; the one before does not work any more."""
    not_kept(response)
    secret = operations.make_hook(actor_of(request), stack_id)
    return HookShown(path=reverse("origins:ring", args=[stack_id]), hook_secret=secret)


@router.delete(f"{ONE}/hook", response={204: None})
def remove_hook(request: HttpRequest, stack_id: Path[Number]) -> None:
    operations.remove_hook(actor_of(request), stack_id)


def _viewer(request: HttpRequest) -> Actor:
    return require_held(actor_of(request), Permission.STACK_VIEW)
