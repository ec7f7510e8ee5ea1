from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.jobs import output as outputs
from console.jobs.models import Job
from console.jobs.operations import cancel_job, retry_job
from console.jobs.queries import get_job as find_job
from console.jobs.queries import visible_jobs
from console.jobs.schemas import JobQuery, JobShown, OutputShown
from console.operations.permissions import Permission
from console.rest.answers import TEXT, accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, listing
from console.web.permits import require_held

router = Router()


@router.get("jobs", response=Listing[JobShown])
def list_jobs(request: HttpRequest, wanted: Query[JobQuery]) -> Listing[JobShown]:
    """Newest first."""
    actor = require_held(actor_of(request), Permission.JOB_VIEW)
    return listing(visible_jobs(actor, wanted.wanted), wanted, by="-pk", show=JobShown.of)


@router.get("jobs/{number}", response=JobShown)
def get_job(request: HttpRequest, number: Path[Number]) -> JobShown:
    return JobShown.of(find_job(require_held(actor_of(request), Permission.JOB_VIEW), number))


@router.get("jobs/{number}/output", response=OutputShown)
def get_job_output(request: HttpRequest, number: Path[Number], since: str = "") -> OutputShown:
    """What it printed after `since`; ask again with the cursor until `ended`."""
    job = find_job(require_held(actor_of(request), Permission.JOB_VIEW), number)
    return OutputShown.of(outputs.read(job.number, since=since), job)


@router.get("jobs/{number}/output.txt", openapi_extra=TEXT)
def download_job_output(request: HttpRequest, number: Path[Number]) -> StreamingHttpResponse:
    """All that it has printed until now."""
    job = find_job(require_held(actor_of(request), Permission.JOB_VIEW), number)
    return StreamingHttpResponse(outputs.whole(job.number), content_type="text/plain; charset=utf-8")


@router.post("jobs/{number}/cancel", response=JobShown)
def cancel_one_job(request: HttpRequest, number: Path[Number]) -> JobShown:
    """At once while it waits; while it runs, its host is told to stop."""
    return JobShown.of(cancel_job(actor_of(request), number))


@router.post("jobs/{number}/retry", response={202: JobShown})
def retry_one_job(request: HttpRequest, response: HttpResponse, number: Path[Number]) -> JobShown:
    """The same work again, as a new job."""
    return job_accepted(response, retry_job(actor_of(request), number))


def job_accepted(response: HttpResponse, job: Job) -> JobShown:
    """The answer to what became a job: its address is in `Location`."""
    accepted(response, reverse("api:get_job", args=[job.number]))
    return JobShown.of(job)
