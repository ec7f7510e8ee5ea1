"""Two nouns of one app: images, and builds, which are jobs of one kind."""

from collections.abc import Iterable
from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from ninja import File, Form, Path, Query, Router
from ninja.files import UploadedFile

from console.images import exporting, operations, usage
from console.images.build_errors import error_line
from console.images.queries import get_image as find_image
from console.images.queries import images_like
from console.images.schemas import (
    BuildGiven,
    BuildQuery,
    BuildStepShown,
    BuildStepsShown,
    CopyGiven,
    ImageDetailShown,
    ImageQuery,
    ImageShown,
    ImportGiven,
    LoadGiven,
    PullGiven,
    PushGiven,
    ReferenceGiven,
    RemoveImageQuery,
    ShareGiven,
    StarterGiven,
    UploadGiven,
)
from console.images.users import users_of
from console.jobs.api import job_accepted
from console.jobs.models import Job
from console.jobs.progress import timed_steps
from console.jobs.queries import JobFilter, get_job, visible_jobs
from console.jobs.schemas import JobShown
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.rest.answers import TAR
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Number, Slug, listing
from console.web.permits import require_held

images = Router()
builds = Router()
ONE = "images/{host}/{image_id}"


@images.get("images", response=Listing[ImageShown])
def list_images(request: HttpRequest, wanted: Query[ImageQuery]) -> Listing[ImageShown]:
    """Newest first, of all hosts."""
    actor = require_held(actor_of(request), Permission.IMAGE_VIEW)
    rows = images_like(actor, wanted.text, host=wanted.host, workspace=wanted.workspace)
    return listing(rows, wanted, by="-created_at", show=ImageShown.of)


@images.get(ONE, response=ImageShown)
def get_image(request: HttpRequest, host: Path[Slug], image_id: Path[Name]) -> ImageShown:
    """By the id's first 12 or more digits."""
    return ImageShown.of(find_image(require_held(actor_of(request), Permission.IMAGE_VIEW), host, image_id))


@images.delete(ONE, response={202: JobShown})
def remove_image(
    request: HttpRequest,
    response: HttpResponse,
    host: Path[Slug],
    image_id: Path[Name],
    wanted: Query[RemoveImageQuery],
) -> JobShown:
    """With all its tags."""
    return job_accepted(response, operations.remove_image(actor_of(request), host, image_id, force=wanted.force))


@images.post(f"{ONE}/share", response=ImageShown)
def share_image(request: HttpRequest, host: Path[Slug], image_id: Path[Name], given: ShareGiven) -> ImageShown:
    """Let another workspace have it too."""
    shared = operations.share_image(actor_of(request), host, image_id, workspace=given.workspace)
    return ImageShown.of(shared)


@images.get(f"{ONE}/detail", response=ImageDetailShown)
def get_image_detail(request: HttpRequest, host: Path[Slug], image_id: Path[Name]) -> ImageDetailShown:
    """Configuration, layers and room, asked of its host; who uses it."""
    actor = require_held(actor_of(request), Permission.IMAGE_VIEW)
    image = find_image(actor, host, image_id)
    image.use = usage.image_uses(usage.uses_of([image.host])[image.host.name]).get(image.engine_id)
    image.users = users_of(actor, [image])[image.pk]
    return ImageDetailShown.of(image, usage.detail_of(image))


@images.post("images/pull", response={202: JobShown})
def pull_image(request: HttpRequest, response: HttpResponse, given: PullGiven) -> JobShown:
    """From its registry. The workspace's own entry of that registry is who signs in."""
    asked = given.model_dump()
    return job_accepted(response, operations.pull_image(actor_of(request), asked.pop("host"), **asked))


@images.post("images/load", response={202: JobShown})
def load_images(
    request: HttpRequest, response: HttpResponse, given: Form[LoadGiven], archive: File[UploadedFile]
) -> JobShown:
    """`archive` is what `docker save` wrote, of at most 2 GiB."""
    file = cast("BinaryIO", archive.file)
    job = operations.load_images(actor_of(request), given.host, file, workspace=given.workspace)
    return job_accepted(response, job)


@images.post("images/import", response={202: JobShown})
def import_image(
    request: HttpRequest, response: HttpResponse, given: Form[ImportGiven], archive: File[UploadedFile]
) -> JobShown:
    """`archive` is a tar of files, which become an image of one layer."""
    file = cast("BinaryIO", archive.file)
    job = operations.import_image(actor_of(request), given.host, file, tag=given.tag, workspace=given.workspace)
    return job_accepted(response, job)


@images.post(f"{ONE}/push", response={202: JobShown})
def push_image(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], image_id: Path[Name], given: PushGiven
) -> JobShown:
    """Under a name that begins with the registry's address; it gets that name on its host, too."""
    job = operations.push_image(actor_of(request), host, image_id, reference=given.reference)
    return job_accepted(response, job)


@images.post(f"{ONE}/copy", response={202: JobShown})
def copy_image(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], image_id: Path[Name], given: CopyGiven
) -> JobShown:
    """To another host by way of a registry: this job pushes it, and another one pulls it there."""
    asked = {"to_host": given.to_host, "registry": given.registry}
    return job_accepted(response, operations.copy_image(actor_of(request), host, image_id, **asked))


@images.post(f"{ONE}/tags", response={202: JobShown})
def tag_image(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], image_id: Path[Name], given: ReferenceGiven
) -> JobShown:
    """One more name."""
    return job_accepted(response, operations.tag_image(actor_of(request), host, image_id, reference=given.reference))


@images.post(f"{ONE}/untag", response={202: JobShown})
def untag_image(
    request: HttpRequest,
    response: HttpResponse,
    host: Path[Slug],
    image_id: Path[Name],
    given: ReferenceGiven,
) -> JobShown:
    """Take a name from it; with the last one it goes."""
    return job_accepted(response, operations.untag_image(actor_of(request), host, image_id, reference=given.reference))


@images.get(f"{ONE}/archive.tar", openapi_extra=TAR)
def download_image(request: HttpRequest, host: Path[Slug], image_id: Path[Name]) -> StreamingHttpResponse:
    """What `docker save` would write. On record."""
    image = operations.export_image(require_held(actor_of(request), Permission.IMAGE_VIEW), host, image_id)
    chunks = cast("Iterable[bytes]", exporting.download(image))
    return StreamingHttpResponse(chunks, content_type="application/x-tar")


@builds.get("builds", response=Listing[JobShown])
def list_builds(request: HttpRequest, wanted: Query[BuildQuery]) -> Listing[JobShown]:
    """Newest first. The same as `jobs?kind=image.build`."""
    actor = require_held(actor_of(request), Permission.JOB_VIEW)
    rows = visible_jobs(actor, JobFilter(kind=operations.BUILD, workspace=wanted.workspace))
    return listing(rows, wanted, by="-pk", show=JobShown.of)


@builds.post("builds", response={202: JobShown})
def build_image(request: HttpRequest, response: HttpResponse, given: BuildGiven) -> JobShown:
    """From the text of a Dockerfile, from the files that an earlier build was given, or from a git repository."""
    asked = given.asked()
    return job_accepted(response, operations.build_image(actor_of(request), asked.pop("host"), **asked))


@builds.post("builds/upload", response={202: JobShown})
def build_uploaded_image(
    request: HttpRequest, response: HttpResponse, given: Form[UploadGiven], context: File[UploadedFile]
) -> JobShown:
    """From a folder: `context` is its tar, tar.gz or zip of at most 64 MiB."""
    asked = given.model_dump()
    job = operations.build_image(actor_of(request), asked.pop("host"), context=cast("BinaryIO", context.file), **asked)
    return job_accepted(response, job)


@builds.post("builds/starter", response={202: JobShown})
def build_starter_image(request: HttpRequest, response: HttpResponse, given: StarterGiven) -> JobShown:
    """“Hello, Naru”, from the host's own busybox."""
    job = operations.build_starter(actor_of(request), given.host, workspace=given.workspace)
    return job_accepted(response, job)


@builds.get("builds/{number}", response=JobShown)
def get_build(request: HttpRequest, number: Path[Number]) -> JobShown:
    return JobShown.of(_build(request, number))


@builds.get("builds/{number}/steps", response=BuildStepsShown)
def get_build_steps(request: HttpRequest, number: Path[Number]) -> BuildStepsShown:
    """How long each step took, as far as it came."""
    job = _build(request, number)
    line = error_line(job.args.get("dockerfile", ""), job.error, job.progress)
    return BuildStepsShown(steps=[BuildStepShown.of(step) for step in timed_steps(job.progress)], error_line=line)


def _build(request: HttpRequest, number: int) -> Job:
    job = get_job(require_held(actor_of(request), Permission.JOB_VIEW), number)
    if job.kind != operations.BUILD:
        raise Missing(_("There is no job %(number)s.") % {"number": number})
    return job
