from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Body, Path, Query, Router

from console.containers import operations
from console.containers.log_text import log_piece, whole_log
from console.containers.models import Container
from console.containers.queries import get_container as find_container
from console.containers.queries import require_logs, visible_containers
from console.containers.schemas import (
    ContainerQuery,
    ContainerShown,
    LogShown,
    RemoveQuery,
    RunGiven,
    StopGiven,
    WorkspaceGiven,
)
from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.permissions import Permission
from console.rest.answers import TEXT
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Slug, listing
from console.web.permits import require_held

router = Router()
ONE = "containers/{host}/{name}"


@router.get("containers", response=Listing[ContainerShown])
def list_containers(request: HttpRequest, wanted: Query[ContainerQuery]) -> Listing[ContainerShown]:
    """Newest first, of all hosts."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return listing(visible_containers(actor, wanted.wanted), wanted, by="-created_at", show=ContainerShown.of)


@router.post("containers", response={202: JobShown})
def run_container(request: HttpRequest, response: HttpResponse, given: RunGiven) -> JobShown:
    """Create a container and start it."""
    asked = given.model_dump()
    return job_accepted(response, operations.run_container(actor_of(request), asked.pop("host"), **asked))


@router.get(ONE, response=ContainerShown)
def get_container(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> ContainerShown:
    """By its name, or its id's first 12 or more digits."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return ContainerShown.of(find_container(actor, host, name))


@router.delete(ONE, response={202: JobShown})
def remove_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], wanted: Query[RemoveQuery]
) -> JobShown:
    return job_accepted(response, operations.remove_container(actor_of(request), host, name, force=wanted.force))


@router.post(f"{ONE}/start", response={202: JobShown})
def start_container(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> JobShown:
    return job_accepted(response, operations.start_container(actor_of(request), host, name))


@router.post(f"{ONE}/stop", response={202: JobShown})
def stop_container(
    request: HttpRequest,
    response: HttpResponse,
    host: Path[Slug],
    name: Path[Name],
    given: Body[StopGiven] = StopGiven(timeout_s=10),  # noqa: B008 - what is meant when there is no body
) -> JobShown:
    job = operations.stop_container(actor_of(request), host, name, timeout_s=given.timeout_s)
    return job_accepted(response, job)


@router.put(f"{ONE}/workspace", response=ContainerShown)
def move_container(request: HttpRequest, host: Path[Slug], name: Path[Name], given: WorkspaceGiven) -> ContainerShown:
    """Give it to another workspace, as it runs."""
    actor = actor_of(request)
    return ContainerShown.of(operations.move_container(actor, host, name, workspace=given.workspace))


@router.get(f"{ONE}/log", response=LogShown)
def get_container_log(request: HttpRequest, host: Path[Slug], name: Path[Name], since: str = "") -> LogShown:
    """What it printed after `since`, as much as there is now, up to about 256 KiB."""
    container = _for_log(request, host, name)
    return LogShown.of(async_to_sync(log_piece)(container.host.address, container.engine_id, since))


@router.get(f"{ONE}/log.txt", openapi_extra=TEXT)
def download_container_log(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> StreamingHttpResponse:
    """All of it."""
    container = _for_log(request, host, name)
    lines = whole_log(container.host.address, container.engine_id)
    return StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")


def _for_log(request: HttpRequest, host: str, name: str) -> Container:
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    container = find_container(actor, host, name)
    require_logs(actor, container)
    return container
