"""Jobs on a host that is removed come to no end of their own any more."""

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.leaving import holds_hosts, holds_names, leaves_with_hosts
from console.hosts.models import Host
from console.jobs.models import Job
from console.jobs.operations import announce


@holds_hosts
@holds_names
def jobs_under_way(host: Host) -> Sequence[str]:
    """The queue of a host has its name, and so has what its agent tells of attempts."""
    active = Job.objects.filter(host=host, state__in=Job.ACTIVE).order_by("pk")
    return [_("job #%(number)d") % {"number": job.pk} for job in active]


@leaves_with_hosts
def jobs_end(host: Host) -> None:
    for job in Job.objects.filter(host=host, state__in=Job.ACTIVE).select_for_update():
        job.finish(Job.State.CANCELLED, at=timezone.now(), error=_("The host was removed."))
        job.save()
        announce(job)
