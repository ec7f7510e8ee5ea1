import shlex
from collections.abc import Sequence
from dataclasses import replace

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Body, Path, Query, Router

from console.containers import operations
from console.containers.log_text import log_piece, whole_log
from console.containers.models import Container
from console.containers.picking import get_action, judge_picked
from console.containers.present import read_present
from console.containers.queries import get_container as find_container
from console.containers.queries import require_logs, revisions_of, visible_containers
from console.containers.schemas import (
    CloneGiven,
    ContainerQuery,
    ContainerShown,
    KillGiven,
    LimitsGiven,
    LineGiven,
    LogShown,
    ManyAsked,
    ManyGiven,
    RemoveQuery,
    RenameGiven,
    ReplaceGiven,
    RevisionShown,
    RunGiven,
    SpecShown,
    StopGiven,
    WorkspaceGiven,
)
from console.containers.specs.checks import checked
from console.containers.specs.command_line import run_line
from console.containers.specs.given import spec_of_inputs
from console.containers.specs.pasted import read_line
from console.containers.specs.spec import ContainerSpec
from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.jobs.telling import inputs_to_tell
from console.operations.permissions import Permission
from console.operations.policy import may
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
    """Create a container and start it. An image that the host has not is pulled first, where that is allowed."""
    asked = given.asked
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


@router.post(f"{ONE}/restart", response={202: JobShown})
def restart_container(
    request: HttpRequest,
    response: HttpResponse,
    host: Path[Slug],
    name: Path[Name],
    given: Body[StopGiven] = StopGiven(timeout_s=10),  # noqa: B008 - what is meant when there is no body
) -> JobShown:
    job = operations.restart_container(actor_of(request), host, name, timeout_s=given.timeout_s)
    return job_accepted(response, job)


@router.post(f"{ONE}/pause", response={202: JobShown})
def pause_container(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> JobShown:
    return job_accepted(response, operations.pause_container(actor_of(request), host, name))


@router.post(f"{ONE}/unpause", response={202: JobShown})
def unpause_container(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> JobShown:
    return job_accepted(response, operations.unpause_container(actor_of(request), host, name))


@router.post(f"{ONE}/kill", response={202: JobShown})
def kill_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: KillGiven
) -> JobShown:
    """Send it a signal."""
    return job_accepted(response, operations.kill_container(actor_of(request), host, name, signal=given.signal))


@router.post(f"{ONE}/rename", response={202: JobShown})
def rename_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: RenameGiven
) -> JobShown:
    return job_accepted(response, operations.rename_container(actor_of(request), host, name, to=given.to))


@router.post(f"{ONE}/limits", response={202: JobShown})
def update_limits(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: LimitsGiven
) -> JobShown:
    """Change limits as it runs."""
    wanted = given.model_dump(exclude_defaults=True)
    return job_accepted(response, operations.update_limits(actor_of(request), host, name, **wanted))


@router.post(f"{ONE}/replace", response={202: JobShown})
def replace_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: ReplaceGiven
) -> JobShown:
    """Put another in its place, under its name. If that one does not run, the old one does again."""
    spec = spec_of_inputs(given.spec.asked) if given.spec is not None else None
    return job_accepted(response, operations.replace_container(actor_of(request), host, name, spec=spec))


@router.post(f"{ONE}/clone", response={202: JobShown})
def clone_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: CloneGiven
) -> JobShown:
    """More containers like it, by one job with a result for each."""
    return job_accepted(response, operations.clone_container(actor_of(request), host, name, **given.model_dump()))


@router.get(f"{ONE}/spec", response=SpecShown)
def get_container_spec(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> SpecShown:
    """What it is by its engine's own word, as one is run, and as a command line."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    container = find_container(actor, host, name)
    require_held(actor, Permission.CONTAINER_DEPLOY, on=container)
    container.require_present()
    present = read_present(container)
    shows_env = may(actor, Permission.CONTAINER_SECRETS, on=container)
    return _spec_shown(present.spec, name=container.name, shows_env=shows_env, lost=present.lost)


@router.get(f"{ONE}/revisions", response=list[RevisionShown])
def list_revisions(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> list[RevisionShown]:
    """What it was meant to be over time, newest first, 100 at most."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    container = find_container(actor, host, name)
    shows_env = may(actor, Permission.CONTAINER_SECRETS, on=container)
    return [RevisionShown.of(row, shows_env=shows_env) for row in revisions_of(container)[:100]]


@router.post(f"{ONE}/revisions/{{number}}/restore", response={202: JobShown})
def restore_revision(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], number: int
) -> JobShown:
    """Replace it by one with the specification of an earlier revision."""
    return job_accepted(response, operations.restore_revision(actor_of(request), host, name, number))


@router.post("containers/many", response={202: ManyAsked})
def act_on_many(request: HttpRequest, given: ManyGiven) -> ManyAsked:
    """Start, stop, restart or remove many: a job for each host and workspace, with a result for each container."""
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    picked = judge_picked(actor, get_action(given.action), given.picked)
    left_out = {one.key: one.why_not for one in picked if one.why_not}
    jobs = operations.act_on_many(actor, given.action, given.picked)
    return ManyAsked(jobs=[job.number for job in jobs], left_out=left_out)


@router.post("containers/command-line", response=SpecShown)
def read_command_line(request: HttpRequest, given: LineGiven) -> SpecShown:
    """What a `docker run` line would make. Nothing is run."""
    require_held(actor_of(request), Permission.CONTAINER_RUN)
    pasted = read_line(given.line)
    return _spec_shown(checked(pasted.spec), name=pasted.name, shows_env=True)


def _spec_shown(spec: ContainerSpec, *, name: str, shows_env: bool, lost: Sequence[str] = ()) -> SpecShown:
    told = {**spec.as_json(), "command": shlex.join(spec.command), "ports": [port.text for port in spec.ports]}
    line = run_line(spec if shows_env else replace(spec, env=dict.fromkeys(spec.env, "…")), name=name)
    shown = inputs_to_tell(told, shows_env=shows_env)
    return SpecShown(spec=shown, name=name, command_line=line, lost=list(lost))


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
