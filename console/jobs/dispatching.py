"""Claiming queued jobs and handing them to their hosts. The row decides; a message only carries the attempt."""

import contextlib

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from console.jobs import blobs, sending, streams
from console.jobs.models import Job
from console.jobs.observations import LEASE, give_back
from console.jobs.operations import announce
from console.jobs.signing import host_key, seal_values, sign
from console.operations.actor import Actor
from console.operations.errors import Missing, Unavailable
from console.operations.runner import observation
from console.secrets.values import resolve

log = structlog.get_logger(__name__)


def dispatch(job_id: int) -> bool:
    """Claim the job and send its next attempt. False when it is not queued, or its host takes no work just now."""
    job = Job.objects.select_related("host").filter(pk=job_id, state=Job.State.QUEUED).first()
    if job is None or not _takes_work(job):
        return False
    if not _claim(job_id):
        return False
    job.refresh_from_db()
    try:
        for sha256 in job.blobs:
            blobs.copy_to_redis(sha256)
        if _send(job):
            _take_room(job.host.name)
            return True
        give_back(job_id, attempt=job.attempt, note=_("The message broker did not take it; trying again."))
    except RedisError as error:
        log.warning("job not sent", job=job_id, why=str(error))
        give_back(job_id, attempt=job.attempt, note=_("Redis does not answer; trying again."))
    except (Missing, Unavailable) as error:
        with observation(Actor.system()):
            job = job.locked()
            job.finish(Job.State.FAILED, at=timezone.now(), error=str(error))
            job.save()
            announce(job)
    return False


def _takes_work(job: Job) -> bool:
    """An agent that is away would let the lease of a sent attempt run out; so the job waits here, where it is seen."""
    try:
        room = streams.connection().get(streams.agent_key(job.host.name))
    except RedisError as error:
        log.warning("host not asked", host=job.host.name, why=str(error))
        return False
    if room is not None and int(str(room, "ascii") if isinstance(room, bytes) else str(room)) > 0:
        return True
    busy, away = _("The host is busy."), _("Waiting for the host's agent.")
    note = away if room is None else busy
    # why an earlier attempt came to nothing says more than either
    if job.note != note and job.note in ("", busy, away):
        with observation(Actor.system()):
            Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(note=note)
            announce(job)
    return False


def _take_room(host_name: str) -> None:
    """The agent says itself what room it has, but only every other second: until then the console counts along."""
    key = streams.agent_key(host_name)
    with contextlib.suppress(RedisError), streams.connection().pipeline() as pipeline:
        pipeline.decr(key)
        # should it have expired just now, the count must not stay without an agent behind it
        pipeline.expire(key, streams.AGENT_KEPT_S)
        pipeline.execute()


def _claim(job_id: int) -> bool:
    """One winner: whoever changes the row from queued to running."""
    now = timezone.now()
    with observation(Actor.system()):
        claimed = Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
            state=Job.State.RUNNING,
            attempt=F("attempt") + 1,
            lease_expires_at=now + LEASE,
            sent_at=now,
            started_at=Coalesce("started_at", now),
        )
        if claimed:
            announce(Job.objects.get(pk=job_id))
    return bool(claimed)


def _send(job: Job) -> bool:
    message = {
        "job": job.pk,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "kind": job.kind,
        "args": job.args,
        # an attempt that was given up must not begin late
        "begin_before": (timezone.now() + LEASE).timestamp(),
    }
    key = host_key(settings.SECRET_KEY, job.host.name)
    if names := job.args.get("secrets"):
        # from here on in memory and, for this host alone to open, in its message
        values = resolve(job.workspace_id, names)
        message["sealed"] = seal_values(values, key, job=job.pk, attempt=job.attempt)
    return sending.send_execute(job.host.queue, sign(message, key))
