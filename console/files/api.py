from typing import Any, cast

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import File, Form, Path, Query, Router
from ninja.files import UploadedFile

from console.containers.models import Container
from console.files import operations, reading
from console.files.downloads import download_answer
from console.files.drift import drift
from console.files.packing import Upload
from console.files.paths import clean_path
from console.files.queries import get_container_for_files, noise_of
from console.files.schemas import (
    ChangesShown,
    ComparedShown,
    DirectoryGiven,
    DirectoryQuery,
    DirectoryShown,
    DriftQuery,
    FreezeGiven,
    MoveGiven,
    NoiseGiven,
    NoiseShown,
    PathQuery,
    UploadPlace,
)
from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.rest.answers import FILES
from console.rest.door import actor_of
from console.rest.schemas import Name, Slug
from console.web.permits import require_held
from console.workspaces.queries import get_workspace

router = Router()
ONE = "containers/{host}/{name}"


@router.get(f"{ONE}/files", response=DirectoryShown)
def list_container_files(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[DirectoryQuery]
) -> DirectoryShown:
    """What a directory holds, running or not: the first 5000 by name."""
    _actor, container = _for_files(request, host, name)
    path = clean_path(wanted.path)
    listed = async_to_sync(reading.directory)(container.host.address, container.engine_id, path)
    return DirectoryShown.of(listed)


@router.post(f"{ONE}/files", response={202: JobShown})
def upload_container_files(
    request: HttpRequest,
    response: HttpResponse,
    host: Path[Slug],
    name: Path[Name],
    given: Form[UploadPlace],
    files: File[list[UploadedFile]],
) -> JobShown:
    """Put `files` into a directory, over those of the same names: at most 100 and 64 MiB in all."""
    uploads = [Upload(str(one.name), cast("Any", one.file), int(one.size or 0)) for one in files]
    job = operations.upload_files(actor_of(request), host, name, path=given.path, files=uploads)
    return job_accepted(response, job)


@router.delete(f"{ONE}/files", response={202: JobShown})
def remove_container_file(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], wanted: Query[PathQuery]
) -> JobShown:
    """With all below it. The container has to run."""
    return job_accepted(response, operations.remove_file(actor_of(request), host, name, path=wanted.path))


@router.get(f"{ONE}/files/content", openapi_extra=FILES)
def download_container_file(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[PathQuery]
) -> StreamingHttpResponse:
    """A file, or a tar of a directory. It is on record, with its size and digest."""
    actor, container = _for_files(request, host, name)
    return download_answer(actor, container, clean_path(wanted.path))


@router.post(f"{ONE}/files/move", response={202: JobShown})
def move_container_file(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: MoveGiven
) -> JobShown:
    """Give it another name or place. The container has to run."""
    job = operations.move_file(actor_of(request), host, name, path=given.path, to=given.to)
    return job_accepted(response, job)


@router.post(f"{ONE}/directories", response={202: JobShown})
def make_container_directory(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: DirectoryGiven
) -> JobShown:
    asked = given.model_dump()
    return job_accepted(response, operations.make_directory(actor_of(request), host, name, **asked))


@router.get(f"{ONE}/drift", response=ChangesShown)
def list_changed_files(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[DriftQuery]
) -> ChangesShown:
    """What it changed since its image."""
    _actor, container = _for_files(request, host, name)
    found = async_to_sync(reading.changes)(container.host.address, container.engine_id)
    return ChangesShown.of(drift(found, wanted.wanted(noise_of(container.workspace))))


@router.get(f"{ONE}/drift/compare", response=ComparedShown)
def compare_container_file(
    request: HttpRequest, host: Path[Slug], name: Path[Name], wanted: Query[PathQuery]
) -> ComparedShown:
    """A file beside what the image has."""
    actor, container = _for_files(request, host, name)
    path = clean_path(wanted.path)
    operations.note_reading(actor, container, act="compare", path=path)
    compared = async_to_sync(reading.compared)(
        container.host.address, container.engine_id, path, image=container.image_engine_id
    )
    return ComparedShown.of(compared, path=path)


@router.post(f"{ONE}/freeze", response={202: JobShown})
def freeze_container(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name], given: FreezeGiven
) -> JobShown:
    """Make an image of it as it is now, without its volumes."""
    job = operations.freeze_container(actor_of(request), host, name, **given.model_dump())
    return job_accepted(response, job)


@router.post(f"{ONE}/reset", response={202: JobShown})
def reset_container(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> JobShown:
    """Put a fresh one of the same image and configuration in its place. What it wrote is lost, volumes stay."""
    return job_accepted(response, operations.reset_container(actor_of(request), host, name))


@router.get("workspaces/{slug}/drift-noise", response=NoiseShown)
def get_drift_noise(request: HttpRequest, slug: Path[Slug]) -> NoiseShown:
    """What the workspace is not told of when its containers change."""
    workspace = get_workspace(require_held(actor_of(request), Permission.WORKSPACE_VIEW), slug)
    return NoiseShown(patterns=noise_of(workspace))


@router.put("workspaces/{slug}/drift-noise", response=NoiseShown)
def set_drift_noise(request: HttpRequest, slug: Path[Slug], given: NoiseGiven) -> NoiseShown:
    return NoiseShown(patterns=operations.change_noise(actor_of(request), slug, patterns=given.patterns))


def _for_files(request: HttpRequest, host: str, name: str) -> tuple[Actor, Container]:
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return actor, get_container_for_files(actor, host, name)
