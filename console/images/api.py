"""Two nouns of one app: images, and builds, which are jobs of one kind."""

from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import File, Form, Path, Query, Router
from ninja.files import UploadedFile

from console.images import operations
from console.images.queries import get_image as find_image
from console.images.queries import images_like
from console.images.schemas import (
    BuildGiven,
    BuildQuery,
    ImageQuery,
    ImageShown,
    RemoveImageQuery,
    ShareGiven,
    StarterGiven,
    UploadGiven,
)
from console.jobs.api import job_accepted
from console.jobs.queries import JobFilter, get_job, visible_jobs
from console.jobs.schemas import JobShown
from console.operations.errors import Missing
from console.operations.permissions import Permission
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


@builds.get("builds", response=Listing[JobShown])
def list_builds(request: HttpRequest, wanted: Query[BuildQuery]) -> Listing[JobShown]:
    """Newest first. The same as `jobs?kind=image.build`."""
    actor = require_held(actor_of(request), Permission.JOB_VIEW)
    rows = visible_jobs(actor, JobFilter(kind=operations.BUILD, workspace=wanted.workspace))
    return listing(rows, wanted, by="-pk", show=JobShown.of)


@builds.post("builds", response={202: JobShown})
def build_image(request: HttpRequest, response: HttpResponse, given: BuildGiven) -> JobShown:
    """From the text of a Dockerfile, or from the files that an earlier build was given."""
    asked = given.model_dump()
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
    job = get_job(require_held(actor_of(request), Permission.JOB_VIEW), number)
    if job.kind != operations.BUILD:
        raise Missing(_("There is no job %(number)s.") % {"number": number})
    return JobShown.of(job)
