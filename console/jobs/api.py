from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.jobs import output as outputs
from console.jobs.models import Job
from console.jobs.operations import cancel_job, change_job_rules, pin_job, retry_job, unpin_job
from console.jobs.queries import get_job as find_job
from console.jobs.queries import rules_of, visible_jobs
from console.jobs.schemas import (
    JobInputsShown,
    JobQuery,
    JobRulesGiven,
    JobRulesShown,
    JobShown,
    OutputShown,
    ProofShown,
)
from console.jobs.telling import inputs_to_tell, proof_of
from console.operations.permissions import Permission
from console.operations.policy import may
from console.rest.answers import TEXT, accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Slug, listing
from console.web.permits import require_held
from console.web.streaming import in_pieces
from console.workspaces.queries import get_workspace

router = Router()
RULES = "workspaces/{slug}/job-rules"


@router.get("jobs", response=Listing[JobShown])
def list_jobs(request: HttpRequest, wanted: Query[JobQuery]) -> Listing[JobShown]:
    """Newest first."""
    actor = require_held(actor_of(request), Permission.JOB_VIEW)
    return listing(visible_jobs(actor, wanted.wanted), wanted, by="-pk", show=JobShown.of)


@router.get("jobs/{number}", response=JobShown)
def get_job(request: HttpRequest, number: Path[Number]) -> JobShown:
    return JobShown.of(find_job(require_held(actor_of(request), Permission.JOB_VIEW), number))


@router.get("jobs/{number}/inputs", response=JobInputsShown)
def get_job_inputs(request: HttpRequest, number: Path[Number]) -> JobInputsShown:
    """What it was asked to do, to ask for it again with changes."""
    actor = require_held(actor_of(request), Permission.JOB_VIEW)
    job = find_job(actor, number)
    shows_env = may(actor, Permission.CONTAINER_SECRETS, on=job)
    return JobInputsShown.of(job, inputs_to_tell(job.args, shows_env=shows_env))


@router.get("jobs/{number}/output", response=OutputShown)
def get_job_output(request: HttpRequest, number: Path[Number], since: str = "") -> OutputShown:
    """What it printed after `since`; ask again with the cursor until `ended`."""
    job = find_job(require_held(actor_of(request), Permission.JOB_VIEW), number)
    return OutputShown.of(outputs.read(job.number, since=since), job)


@router.get("jobs/{number}/output.txt", openapi_extra=TEXT)
def download_job_output(request: HttpRequest, number: Path[Number]) -> StreamingHttpResponse:
    """All that it has printed until now."""
    job = find_job(require_held(actor_of(request), Permission.JOB_VIEW), number)
    return StreamingHttpResponse(in_pieces(outputs.whole(job.number)), content_type="text/plain; charset=utf-8")


@router.get("jobs/{number}/output/proof", response=ProofShown)
def get_job_output_proof(request: HttpRequest, number: Path[Number]) -> ProofShown:
    """Whether the output is what was sealed. Reads all of it."""
    return ProofShown.of(proof_of(find_job(require_held(actor_of(request), Permission.JOB_VIEW), number)))


@router.post("jobs/{number}/cancel", response=JobShown)
def cancel_one_job(request: HttpRequest, number: Path[Number]) -> JobShown:
    """At once while it waits; while it runs, its host is told to stop."""
    return JobShown.of(cancel_job(actor_of(request), number))


@router.post("jobs/{number}/retry", response={202: JobShown})
def retry_one_job(request: HttpRequest, response: HttpResponse, number: Path[Number]) -> JobShown:
    """The same work again, as a new job."""
    return job_accepted(response, retry_job(actor_of(request), number))


@router.post("jobs/{number}/pin", response=JobShown)
def pin_one_job(request: HttpRequest, number: Path[Number]) -> JobShown:
    """It stays for good, with its output."""
    return JobShown.of(pin_job(actor_of(request), number))


@router.post("jobs/{number}/unpin", response=JobShown)
def unpin_one_job(request: HttpRequest, number: Path[Number]) -> JobShown:
    """It stays as long as others of its workspace."""
    return JobShown.of(unpin_job(actor_of(request), number))


@router.get(RULES, response=JobRulesShown)
def get_job_rules(request: HttpRequest, slug: Path[Slug]) -> JobRulesShown:
    """How many jobs of the workspace run and wait, and how long they stay."""
    actor = require_held(actor_of(request), Permission.WORKSPACE_VIEW)
    found = get_workspace(actor, slug)
    require_held(actor, Permission.POLICY_VIEW, on=found)
    return JobRulesShown.of(rules_of(found))


@router.put(RULES, response=JobRulesShown)
def set_job_rules(request: HttpRequest, slug: Path[Slug], given: JobRulesGiven) -> JobRulesShown:
    """Asks for a proof."""
    return JobRulesShown.of(change_job_rules(actor_of(request), slug, **given.model_dump()))


def job_accepted(response: HttpResponse, job: Job) -> JobShown:
    """The answer to what became a job: its address is in `Location`."""
    accepted(response, reverse("api:get_job", args=[job.number]))
    return JobShown.of(job)
