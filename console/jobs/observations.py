"""What agents report about attempts, and what the sweeper finds. Each is harmless to repeat."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.observations import host_seen, host_unreachable
from console.jobs import output
from console.jobs.facts import Fact, observes
from console.jobs.kinds import takes_back
from console.jobs.models import Job
from console.jobs.operations import announce, wake, wake_those_behind
from console.jobs.progress import bounded
from console.operations.actor import Actor
from console.operations.runner import observation

LEASE = timedelta(seconds=15)
ENDS = {"succeeded": Job.State.SUCCEEDED, "failed": Job.State.FAILED, "cancelled": Job.State.CANCELLED}


@observes("host.inventory")
def host_reported(host_name: str, fact: Fact) -> None:
    host_seen(host_name, at=timezone.now(), info=fact["info"])


@observes("host.unreachable")
def host_silent(host_name: str, fact: Fact) -> None:
    host_unreachable(host_name, reason=str(fact["reason"]))


@observes("attempt.alive")
def attempt_alive(host_name: str, fact: Fact) -> None:
    """A heartbeat: the lease goes on, and progress is shown."""
    with observation(Actor.host(host_name)):
        job = _current(host_name, fact)
        if job is None:
            return
        job.heard_at = timezone.now()
        job.lease_expires_at = job.heard_at + LEASE
        progress = bounded(fact.get("progress"))
        changed = progress != job.progress or job.note
        job.progress, job.note = progress, ""
        job.save(update_fields=["heard_at", "lease_expires_at", "progress", "note"])
        if changed:
            announce(job)


@observes("attempt.ended")
def attempt_ended(host_name: str, fact: Fact) -> None:
    """The attempt's answer. One that comes for an attempt given up meanwhile is not taken: another is under way."""
    with observation(Actor.host(host_name)):
        job = _current(host_name, fact)
        if job is None:
            return
        error = _storable(str(fact.get("error", "")))
        job.finish(ENDS[fact["state"]], at=timezone.now(), result=fact.get("result") or {}, error=error)
        job.save()
        announce(job)
        wake_those_behind(job)
        transaction.on_commit(lambda: seal_output(job.pk))


@observes("attempt.interrupted")
def attempt_interrupted(host_name: str, fact: Fact) -> None:
    """The agent died during the attempt and is back."""
    if Job.objects.filter(pk=fact["job"], host__name=host_name).exists():
        why = _("The host's worker was restarted in the middle of it.")
        lose(int(fact["job"]), attempt=int(fact["attempt"]), why=why)


def lose(job_id: int, *, attempt: int, why: str, expired_by: datetime | None = None) -> None:
    """An attempt that had begun came to nothing: try again while attempts are left, else fail with the reason.

    ``expired_by``: only if its lease had run out by then; a sign of life may have come since that was looked at.
    """
    with observation(Actor.system()):
        job = _under_way(job_id, attempt, expired_by)
        if job is None:
            return
        if job.cancel_requested_at is not None and not (takes_back(job.kind) and job.attempt < job.max_attempts):
            job.finish(Job.State.CANCELLED, at=timezone.now(), error=why)
        elif job.attempt < job.max_attempts:
            job.requeue(note=why)
            wake(job)
        else:
            job.finish(Job.State.FAILED, at=timezone.now(), error=why)
        job.save()
        announce(job)
        if job.is_final:
            wake_those_behind(job)
            transaction.on_commit(lambda: seal_output(job.pk))


def give_back(job_id: int, *, attempt: int, expired_by: datetime | None = None) -> None:
    """An attempt that was claimed and of which nothing was heard does not count: it is sent again as what it was.

    Should it have begun nevertheless, the agent finds it in its journal and does not begin it again.
    """
    with observation(Actor.system()):
        job = _under_way(job_id, attempt, expired_by)
        if job is None or job.heard_at is not None:
            return
        if job.cancel_requested_at is not None:
            job.finish(Job.State.CANCELLED, at=timezone.now(), error=_("Cancelled before it began."))
            wake_those_behind(job)
            transaction.on_commit(lambda: seal_output(job.pk))
        else:
            job.requeue(note=job.note)
            job.attempt -= 1
        job.save()
        announce(job)


def seal_output(job_id: int) -> None:
    """Safe to repeat; the sweeper does until it has worked."""
    sealed = output.seal(job_id)
    facts = {"output_sealed_at": timezone.now(), "output_sha256": sealed.sha256, "output_bytes": sealed.size_bytes}
    with observation(Actor.system()):
        # once: a file that was changed later must not be sealed as it is then
        Job.objects.filter(pk=job_id, output_sealed_at=None).update(**facts)


def _storable(text: str) -> str:
    """Words of engines and programs may hold what no database takes: half a surrogate pair, a zero character."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _under_way(job_id: int, attempt: int, expired_by: datetime | None) -> Job | None:
    """The job, locked, if that attempt of it runs."""
    jobs = Job.objects.select_for_update().filter(pk=job_id, state=Job.State.RUNNING, attempt=attempt)
    return (jobs.filter(lease_expires_at__lt=expired_by) if expired_by is not None else jobs).first()


def _current(host_name: str, fact: Fact) -> Job | None:
    """The job, locked, if the fact is about the attempt that is under way on that host."""
    return (
        Job.objects.select_for_update(of=("self",))
        .filter(pk=fact["job"], host__name=host_name, attempt=fact["attempt"], state=Job.State.RUNNING)
        .first()
    )
