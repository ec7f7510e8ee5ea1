"""Claiming queued jobs and handing them to their hosts. The row decides; a message only carries the attempt."""

import contextlib
from enum import Enum, auto

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from redis.exceptions import RedisError

from console.hosts.models import Host
from console.hosts.signing_key import host_key
from console.jobs import blobs, observations, sending, streams
from console.jobs.models import Job
from console.jobs.observations import give_back
from console.jobs.operations import announce
from console.jobs.queueing import find_next, take_turn
from console.jobs.signing import seal_values, sign
from console.operations.actor import Actor
from console.operations.errors import Missing, Unavailable
from console.operations.runner import observation
from console.secrets.values import resolve

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 200


class Sending(Enum):
    """What became of a job that was to be sent."""

    SENT = auto()
    # somebody else was faster, or it can never be sent
    OVER = auto()
    HOST_WAITS = auto()
    WORKSPACE_WAITS = auto()


def dispatch(job_id: int) -> bool:
    """Claim this job and send its next attempt. False when it is not queued, or has to wait; then it says for what."""
    return _dispatch(job_id) is Sending.SENT


def fill(host: Host) -> int:
    """Send what waits for the host while it takes work, a job of each workspace in turn. Returns how many."""
    sent, waiting = 0, set[int | None]()
    while sent < MOST_AT_ONCE and (number := find_next(host, without=waiting)) is not None:
        match _dispatch(number):
            case Sending.SENT:
                sent += 1
            case Sending.HOST_WAITS:
                break
            case Sending.WORKSPACE_WAITS:
                waiting.add(Job.objects.values_list("workspace_id", flat=True).get(pk=number))
    return sent


def fill_for(job_id: int) -> None:
    """A job has been added, or another has made room for it: see to its host."""
    host = Host.objects.filter(jobs__pk=job_id, jobs__state=Job.State.QUEUED).first()
    if host is not None:
        fill(host)


def _dispatch(job_id: int) -> Sending:
    job = Job.objects.select_related("host").filter(pk=job_id, state=Job.State.QUEUED).first()
    if job is None:
        return Sending.OVER
    if not _takes_work(job):
        return Sending.HOST_WAITS
    claimed = _claim(job)
    if claimed is not Sending.SENT:
        return claimed
    job.refresh_from_db()
    return _hand_over(job)


def _hand_over(job: Job) -> Sending:
    """Send the attempt that was claimed, or give it back."""
    try:
        for sha256 in job.blobs:
            blobs.copy_to_redis(sha256)
        if _send(job):
            _take_room(job.host.name)
            return Sending.SENT
    except RedisError as error:
        log.warning("job not sent", job=job.pk, why=str(error))
    except (Missing, Unavailable) as error:
        with observation(Actor.system()):
            job = job.locked()
            job.finish(Job.State.FAILED, at=timezone.now(), error=str(error))
            job.save()
            announce(job)
        return Sending.OVER
    give_back(job.pk, attempt=job.attempt)
    _wait(job.host_id, Job.WaitsFor.BROKER)
    return Sending.HOST_WAITS


def _takes_work(job: Job) -> bool:
    """An agent that is away would let the lease of a sent attempt run out; so the job waits here, where it is seen."""
    try:
        room = streams.connection().get(streams.agent_key(job.host.name))
    except RedisError as error:
        log.warning("host not asked", host=job.host.name, why=str(error))
        return False
    if room is not None and int(str(room, "ascii") if isinstance(room, bytes) else str(room)) > 0:
        return True
    _wait(job.host_id, Job.WaitsFor.AGENT if room is None else Job.WaitsFor.HOST)
    return False


def _wait(host_pk: int, reason: Job.WaitsFor) -> None:
    """All that is queued for the host waits for the same."""
    with observation(Actor.system()):
        queued = Job.objects.filter(host_id=host_pk, state=Job.State.QUEUED).exclude(waits_for=reason)
        for job in queued.order_by("pk").select_for_update(of=("self",))[:MOST_AT_ONCE]:
            _say(job, reason)


def _say(job: Job, reason: Job.WaitsFor) -> None:
    job.waits_for = reason
    job.save(update_fields=["waits_for"])
    announce(job)


def _take_room(host_name: str) -> None:
    """The agent says itself what room it has, but only every other second: until then the console counts along."""
    key = streams.agent_key(host_name)
    with contextlib.suppress(RedisError), streams.connection().pipeline() as pipeline:
        pipeline.decr(key)
        # should it have expired just now, the count must not stay without an agent behind it
        pipeline.expire(key, streams.AGENT_KEPT_S)
        pipeline.execute()


def _claim(job: Job) -> Sending:
    """One winner: whoever changes the row from queued to running."""
    now = timezone.now()
    with observation(Actor.system()):
        if job.workspace_id is not None and not take_turn(job.workspace_id, now=now):
            for other in _queued_beside(job):
                _say(other, Job.WaitsFor.WORKSPACE)
            return Sending.WORKSPACE_WAITS
        claimed = Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(
            state=Job.State.RUNNING,
            attempt=F("attempt") + 1,
            lease_expires_at=now + observations.LEASE,
            sent_at=now,
            heard_at=None,
            waits_for="",
            started_at=Coalesce("started_at", now),
        )
        if claimed:
            announce(Job.objects.get(pk=job.pk))
    return Sending.SENT if claimed else Sending.OVER


def _queued_beside(job: Job) -> list[Job]:
    """Of the same workspace on the same host, those that do not say yet that they wait for their workspace."""
    queued = Job.objects.filter(workspace=job.workspace, host=job.host, state=Job.State.QUEUED)
    return list(queued.exclude(waits_for=Job.WaitsFor.WORKSPACE).order_by("pk").select_for_update()[:MOST_AT_ONCE])


def _send(job: Job) -> bool:
    message = {
        "job": job.pk,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "kind": job.kind,
        "args": job.args,
        # an attempt that was given up must not begin late
        "begin_before": (timezone.now() + observations.LEASE).timestamp(),
    }
    key = host_key(settings.SECRET_KEY, job.host.name, job.host.signing_salt)
    if names := job.args.get("secrets"):
        # from here on in memory and, for this host alone to open, in its message
        values = resolve(job.workspace_id, names)
        message["sealed"] = seal_values(values, key, job=job.pk, attempt=job.attempt)
    return sending.send_execute(job.host.queue, sign(message, key))
