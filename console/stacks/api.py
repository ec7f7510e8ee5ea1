from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Paging, listing
from console.stacks import operations
from console.stacks.catalogue.templates import TEMPLATES
from console.stacks.choosing import placings_for
from console.stacks.models import Stack
from console.stacks.queries import adoptable_projects, containers_of, visible_stacks
from console.stacks.queries import get_stack as find_stack
from console.stacks.reconciling.operations import restore_now, set_restores
from console.stacks.reconciling.schemas import RestorationShown, RestoringGiven, RestoringShown, StackRestoreGiven
from console.stacks.schemas import (
    AdoptableShown,
    DeployGiven,
    HostPlacementShown,
    NewStack,
    PlacementGiven,
    ReleaseShown,
    RemoveStackQuery,
    ScaleGiven,
    StackGiven,
    StackPlanQuery,
    StackPlanShown,
    StackQuery,
    StackServiceDetail,
    StackShown,
    StackTemplateShown,
)
from console.stacks.services import get_service
from console.web.permits import require_held
from console.workspaces.placing import require_workspace
from console.workspaces.queries import workspace_for_new

router = Router()
ONE = "stacks/{stack_id}"


@router.get("stacks", response=Listing[StackShown])
def list_stacks(request: HttpRequest, wanted: Query[StackQuery]) -> Listing[StackShown]:
    """By name, without their containers, which one by itself has."""
    actor = _viewer(request)
    rows = visible_stacks(actor, workspace=wanted.workspace, host=wanted.host)
    return listing(rows, wanted, by="name", show=lambda stack: _shown(actor, stack, has_containers=False))


@router.post("stacks", response={201: StackShown})
def create_stack(request: HttpRequest, response: HttpResponse, given: NewStack) -> StackShown:
    """Nothing happens on the host until it is deployed. `field` is `files` for what is wrong in them, line by line."""
    actor = actor_of(request)
    made = operations.create_stack(actor, given.host, **given.model_dump(exclude={"host"}))
    accepted(response, reverse("api:get_stack", args=[made.pk]))
    return _shown(actor, made)


@router.post("stacks/placement", response=list[HostPlacementShown])
def rank_hosts(request: HttpRequest, given: PlacementGiven) -> list[HostPlacementShown]:
    """Hosts for a stack of these files, best first, and why the others do not fit. Nothing is made."""
    actor = require_held(actor_of(request), Permission.CONTAINER_DEPLOY)
    owner = require_workspace(workspace_for_new(actor, given.workspace, Permission.CONTAINER_DEPLOY))
    found = placings_for(actor, owner, given.files, given.paths, given.variables, given.profiles)
    return [HostPlacementShown.of(one) for one in found]


@router.get("stacks/templates", response=list[StackTemplateShown])
def list_stack_templates(request: HttpRequest) -> list[StackTemplateShown]:
    """Stacks to begin with: what they ask for, and their Compose files."""
    require_held(actor_of(request), Permission.CONTAINER_DEPLOY)
    return [StackTemplateShown.of(one) for one in TEMPLATES]


@router.get("stacks/adoptable", response=list[AdoptableShown])
def list_adoptable_projects(request: HttpRequest) -> list[AdoptableShown]:
    """Projects of docker compose on hosts that no stack is."""
    actor = require_held(actor_of(request), Permission.CONTAINER_DEPLOY)
    return [AdoptableShown.of(one) for one in adoptable_projects(actor)]


@router.get(ONE, response=StackShown)
def get_stack(request: HttpRequest, stack_id: Path[Number]) -> StackShown:
    actor = _viewer(request)
    return _shown(actor, find_stack(actor, stack_id))


@router.put(ONE, response=StackShown)
def change_stack(request: HttpRequest, stack_id: Path[Number], given: StackGiven) -> StackShown:
    """Other files; what runs stays as it is until it is deployed."""
    actor = actor_of(request)
    return _shown(actor, operations.change_stack(actor, stack_id, **given.model_dump()))


@router.delete(ONE, response={202: JobShown})
def remove_stack(
    request: HttpRequest, response: HttpResponse, stack_id: Path[Number], wanted: Query[RemoveStackQuery]
) -> JobShown:
    """Its containers and networks go from the host; volumes stay unless they are meant."""
    job = operations.remove_stack(actor_of(request), stack_id, with_volumes=wanted.volumes)
    return job_accepted(response, job)


@router.get(f"{ONE}/plan", response=StackPlanShown)
def get_stack_plan(request: HttpRequest, stack_id: Path[Number], wanted: Query[StackPlanQuery]) -> StackPlanShown:
    """What deploying it would do now, and why. The host is looked at; nothing is done."""
    actor = _viewer(request)
    if replicas := wanted.replicas:
        return StackPlanShown.of(operations.plan_scaling(actor, stack_id, replicas=replicas))
    return StackPlanShown.of(operations.plan_stack(actor, stack_id, release=wanted.release))


@router.post(f"{ONE}/deploy", response={202: JobShown})
def deploy_stack(request: HttpRequest, response: HttpResponse, stack_id: Path[Number], given: DeployGiven) -> JobShown:
    """Do what was planned. A conflict when host or files are not as they were then: plan again."""
    actor = actor_of(request)
    if given.release is None:
        job = operations.deploy_stack(actor, stack_id, plan_digest=given.plan)
    else:
        job = operations.roll_back(actor, stack_id, release=given.release, plan_digest=given.plan)
    return job_accepted(response, job)


@router.post(f"{ONE}/scale", response={202: JobShown})
def scale_stack(request: HttpRequest, response: HttpResponse, stack_id: Path[Number], given: ScaleGiven) -> JobShown:
    """Another number of containers, of what runs now."""
    job = operations.scale_stack(actor_of(request), stack_id, replicas=given.replicas, plan_digest=given.plan)
    return job_accepted(response, job)


@router.get(f"{ONE}/services/{{name}}", response=StackServiceDetail)
def get_stack_service(request: HttpRequest, stack_id: Path[Number], name: str) -> StackServiceDetail:
    """One service as it is now."""
    actor = _viewer(request)
    return StackServiceDetail.of(get_service(actor, find_stack(actor, stack_id), name))


@router.get(f"{ONE}/restoring", response=RestoringShown)
def get_stack_restoring(request: HttpRequest, stack_id: Path[Number]) -> RestoringShown:
    """What of it is not as its release says, and what is done about that by itself."""
    return RestoringShown.of(find_stack(_viewer(request), stack_id))


@router.put(f"{ONE}/restoring", response=RestoringShown)
def change_stack_restoring(request: HttpRequest, stack_id: Path[Number], given: RestoringGiven) -> RestoringShown:
    """What is to be replaced by itself."""
    return RestoringShown.of(set_restores(actor_of(request), stack_id, restores=given.restores))


@router.post(f"{ONE}/restore", response={202: JobShown})
def restore_stack(
    request: HttpRequest, response: HttpResponse, stack_id: Path[Number], given: StackRestoreGiven
) -> JobShown:
    """Replace all that is not as it should be, whatever it waits for; what somebody has stopped runs again."""
    return job_accepted(response, restore_now(actor_of(request), stack_id, services=given.services))


@router.get(f"{ONE}/restorations", response=Listing[RestorationShown])
def list_restorations(request: HttpRequest, stack_id: Path[Number], wanted: Query[Paging]) -> Listing[RestorationShown]:
    """Newest first."""
    found = find_stack(_viewer(request), stack_id)
    return listing(found.restorations.all(), wanted, by="-pk", show=RestorationShown.of)


@router.get(f"{ONE}/releases", response=Listing[ReleaseShown])
def list_releases(request: HttpRequest, stack_id: Path[Number], wanted: Query[Paging]) -> Listing[ReleaseShown]:
    """Newest first."""
    found = find_stack(_viewer(request), stack_id)
    return listing(found.releases.select_related("job"), wanted, by="-number", show=ReleaseShown.of)


def _viewer(request: HttpRequest) -> Actor:
    return require_held(actor_of(request), Permission.STACK_VIEW)


def _shown(actor: Actor, stack: Stack, *, has_containers: bool = True) -> StackShown:
    shows_secrets = may(actor, Permission.CONTAINER_SECRETS, on=stack)
    containers = containers_of(actor, stack) if has_containers else []
    return StackShown.of(stack, containers, shows_secrets=shows_secrets)
