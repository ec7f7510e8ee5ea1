"""What would otherwise stay as it is for ever: jobs never sent, leases run out, bells nobody heard."""

import time
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.hosts.queries import present_hosts
from console.jobs import blobs, ingest, observations, retention, sending, streams
from console.jobs.dispatching import fill
from console.jobs.models import Job
from console.jobs.observations import give_back, lose, seal_output

MOST_AT_ONCE = 200
# to have its last words ingested after its lease ran out
GRACE = timedelta(seconds=2)


def sweep() -> None:
    """Every few seconds."""
    hosts = list(present_hosts())
    for host in hosts:
        ingest.ingest(host.name)
    now = timezone.now()
    if _leases_count():
        for job in _run_out(hosts, now - GRACE):
            _give_up(job, expired_by=now - GRACE)
    for host in hosts:
        fill(host)
    for job_id in _wanted_to_stop():
        sending.ask_to_cancel(job_id)
    tidied = Job.objects.filter(state__in=Job.FINAL, output_sealed_at=None, finished_at__lt=now - GRACE)
    for job_id in tidied.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        seal_output(job_id)


def tidy() -> None:
    """Every hour."""
    blobs.sweep()
    retention.prune()


def _leases_count() -> bool:
    """Only once we and Redis have been there for as long as a lease lasts: who was kept from speaking is not silent."""
    connection, now_s = streams.connection(), time.time()
    connection.set(streams.SWEPT_KEY, repr(now_s), nx=True, ex=streams.SWEPT_KEPT_S)
    connection.expire(streams.SWEPT_KEY, streams.SWEPT_KEPT_S)
    since = connection.get(streams.SWEPT_KEY)
    assert since is None or isinstance(since, bytes)
    return since is not None and now_s - float(since) >= observations.LEASE.total_seconds()


def _run_out(hosts: list[Host], by: datetime) -> list[Job]:
    """Attempts whose lease has run out, but for hosts of which there is something left to read."""
    heard = [host.pk for host in hosts if not streams.connection().xlen(streams.facts_key(host.name))]
    expired = Job.objects.filter(state=Job.State.RUNNING, lease_expires_at__lt=by, host_id__in=heard)
    return list(expired.order_by("pk")[:MOST_AT_ONCE])


def _give_up(job: Job, *, expired_by: datetime) -> None:
    if job.heard_at is None:
        give_back(job.pk, attempt=job.attempt, expired_by=expired_by)
    else:
        why = _("The host's worker gave no sign of life for 15 seconds.")
        lose(job.pk, attempt=job.attempt, why=why, expired_by=expired_by)


def _wanted_to_stop() -> list[int]:
    asked = Job.objects.filter(state=Job.State.RUNNING, cancel_requested_at__isnull=False)
    return list(asked.values_list("pk", flat=True)[:MOST_AT_ONCE])
