"""Capsules as they come from hosts, pieces of them as hosts want them, and what a restored stack was found to be."""

import structlog
from django.utils import timezone

from console.capsules.files import files
from console.capsules.models import StackCapsule
from console.capsules.operations import keep_reading
from console.capsules.queries import find_lock
from console.capsules.reading import read_capsule
from console.containers.observations import makes_containers
from console.images.observations import makes_images
from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.jobs.pieces import give_piece, keep_piece, running_job
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.runner import observation, publish_on_commit
from console.stacks.models import Stack

log = structlog.get_logger(__name__)

makes_images("capsule.restore")
makes_containers("capsule.restore")


@observes("capsule.piece")
def piece_came(host_name: str, fact: Fact) -> None:
    job = running_job(host_name, fact, "capsule.make")
    capsule = StackCapsule.objects.filter(job=job, state=StackCapsule.State.COMING).first() if job is not None else None
    if job is not None and capsule is not None:
        keep_piece(files, capsule.pk, job, fact)


@observes("capsule.wanted")
def piece_wanted(host_name: str, fact: Fact) -> None:
    """By a job that restores it."""
    job = running_job(host_name, fact, "capsule.restore")
    if job is not None:
        give_piece(files, int(job.args["capsule"]), job, fact)


@observes("attempt.ended")
def capsule_made(host_name: str, fact: Fact) -> None:
    """Whether it is whole now, or will never be."""
    with observation(Actor.host(host_name)):
        job = Job.objects.filter(pk=fact["job"], host__name=host_name, kind="capsule.make").first()
        coming = StackCapsule.objects.filter(job=job, state=StackCapsule.State.COMING)
        capsule = coming.first() if job is not None else None
        if job is None or capsule is None or not job.is_final:
            return
        came = files.coming_bytes(capsule.pk)
        if job.state == Job.State.SUCCEEDED and came == job.result.get("size_bytes"):
            _keep(capsule, str(job.result.get("sha256", ""))[:64], size_bytes=came)
        else:
            log.warning("capsule is not whole", capsule=capsule.pk, job=job.pk, state=job.state, came=came)
            _fail(capsule, job.error)
        publish_on_commit("rows.capsules", {"host": host_name})


@observes("attempt.ended")
def stack_restored(host_name: str, fact: Fact) -> None:
    """What it was found to be, held against the lock that it came with."""
    with observation(Actor.host(host_name)):
        jobs = Job.objects.filter(pk=fact["job"], host__name=host_name, kind="capsule.restore")
        job = jobs.filter(state=Job.State.SUCCEEDED).first()
        stack = Stack.objects.filter(pk=int(job.on_id)).first() if job is not None and job.on_id.isdecimal() else None
        lock = find_lock(stack) if stack is not None else None
        if job is None or lock is None or job.result.get("locked_fingerprint") != lock.fingerprint:
            return
        names = ("is_identical", "fingerprint", "locked_fingerprint", "differences", "other_secrets")
        lock.checked_at, lock.verdict = timezone.now(), {name: job.result.get(name) for name in names}
        lock.save(update_fields=["checked_at", "verdict"])
        publish_on_commit("rows.stacks", {"host": host_name})


def note_failed_capsules() -> None:
    """Those whose job has ended, or is not there any more, without a word from its host."""
    with observation(Actor.system("capsules")):
        for capsule in StackCapsule.objects.filter(state=StackCapsule.State.COMING).select_related("job"):
            if capsule.job is None or (capsule.job.is_final and capsule.job.state != Job.State.SUCCEEDED):
                _fail(capsule, capsule.job.error if capsule.job is not None else "")
                publish_on_commit("rows.capsules")


def _keep(capsule: StackCapsule, sha256: str, *, size_bytes: int) -> None:
    try:
        with files.open_coming(capsule.pk) as file:
            reading = read_capsule(file, sha256=sha256)
    except Invalid as error:
        _fail(capsule, str(error))
        return
    files.keep(capsule.pk)
    keep_reading(capsule, reading, size_bytes=size_bytes)


def _fail(capsule: StackCapsule, problem: str) -> None:
    files.drop(capsule.pk)
    capsule.state, capsule.problem = StackCapsule.State.FAILED, problem[:500]
    capsule.save(update_fields=["state", "problem"])
