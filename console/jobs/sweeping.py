"""What would otherwise stay as it is for ever: jobs never sent, leases run out, bells nobody heard."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.jobs import blobs, ingest, sending
from console.jobs.dispatching import dispatch
from console.jobs.models import Job
from console.jobs.observations import lose, seal_output

MOST_AT_ONCE = 200
# to have its last words ingested after its lease ran out
GRACE = timedelta(seconds=2)


def sweep() -> None:
    """Every few seconds."""
    hosts = list(Host.objects.all())
    for host in hosts:
        ingest.ingest(host.name)
        sending.send_pulse(host.queue)
    now = timezone.now()
    expired = Job.objects.filter(state=Job.State.RUNNING, lease_expires_at__lt=now - GRACE)
    for job in expired[:MOST_AT_ONCE]:
        lose(job.pk, attempt=job.attempt, why=_("The host's worker gave no sign of life for 15 seconds."))
    for host in hosts:
        # by host: those that wait for one that is away must not keep the others waiting
        queued = Job.objects.filter(host=host, state=Job.State.QUEUED).order_by("pk")
        for job_id in queued.values_list("pk", flat=True)[:MOST_AT_ONCE]:
            dispatch(job_id)
    for job_id in _wanted_to_stop():
        sending.ask_to_cancel(job_id)
    tidied = Job.objects.filter(state__in=Job.FINAL, output_sealed_at=None, finished_at__lt=now - GRACE)
    for job_id in tidied.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        seal_output(job_id)


def tidy() -> None:
    """Every hour."""
    blobs.sweep()


def _wanted_to_stop() -> list[int]:
    asked = Job.objects.filter(state=Job.State.RUNNING, cancel_requested_at__isnull=False)
    return list(asked.values_list("pk", flat=True)[:MOST_AT_ONCE])
