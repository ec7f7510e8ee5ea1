"""How many jobs of a workspace wait and run, and whose turn it is.

Rules are counted against while the workspace's row of them is held, so that two at once count one after the other.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from django.db.models import Count, F, Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.hosts.models import Host
from console.jobs.models import Job, JobRules
from console.operations.errors import Conflict
from console.workspaces.models import Workspace

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def held_rules(workspace_pk: int) -> JobRules:
    """The workspace's rules for jobs, held until the transaction ends. Inside an operation or an observation."""
    JobRules.objects.get_or_create(workspace_id=workspace_pk)
    return JobRules.objects.select_for_update().get(workspace_id=workspace_pk)


def require_place_in_queue(workspace: Workspace) -> None:
    """Conflict when as many jobs of the workspace wait as may. Inside the operation that adds one."""
    most = held_rules(workspace.pk).most_waiting
    if most and Job.objects.filter(workspace=workspace, state=Job.State.QUEUED).count() >= most:
        words = {"slug": workspace.slug, "most": most}
        raise Conflict(
            ngettext(
                "%(most)d job of “%(slug)s” is waiting, and no more may. Wait for it or cancel it.",
                "%(most)d jobs of “%(slug)s” are waiting, and no more may. Wait for some or cancel them.",
                most,
            )
            % words
        )


def take_turn(workspace_pk: int, *, now: datetime) -> bool:
    """False while as many jobs of the workspace run as may. Inside the observation that claims one."""
    rules = held_rules(workspace_pk)
    running = Job.objects.filter(workspace_id=workspace_pk, state=Job.State.RUNNING).count()
    if rules.most_running and running >= rules.most_running:
        return False
    rules.served_at = now
    rules.save(update_fields=["served_at"])
    return True


def find_next(host: Host, *, without: Collection[int | None]) -> int | None:
    """The number of the queued job that is next on ``host``: the oldest of the workspace with the least at work there,
    among those the one that was served longest ago. ``without``: workspaces that must not run more just now.
    """
    jobs = Job.objects.filter(host=host).order_by()
    waiting = (
        jobs.filter(state=Job.State.QUEUED)
        .values_list("workspace_id", F("workspace__job_rules__served_at"))
        .annotate(first=Min("pk"))
    )
    running = dict(
        jobs.filter(state=Job.State.RUNNING).values_list("workspace_id").annotate(running=Count("pk")),
    )
    turns = [
        (running.get(workspace_pk, 0), served_at or NEVER, first)
        for workspace_pk, served_at, first in waiting
        if workspace_pk not in without
    ]
    return min(turns)[-1] if turns else None


def words_for(job: Job) -> str:
    """What a queued job waits for, as a sentence. Empty for one that does not wait, or just for its turn."""
    if job.state != Job.State.QUEUED or not job.waits_for:
        return ""
    match Job.WaitsFor(job.waits_for):
        case Job.WaitsFor.AGENT:
            return _("Waits for the agent of host “%(host)s”, which does not answer.") % {"host": job.host.name}
        case Job.WaitsFor.HOST:
            return _("Waits for room: host “%(host)s” is busy.") % {"host": job.host.name}
        case Job.WaitsFor.BROKER:
            return _("Waits for the message broker, which does not answer.")
        case Job.WaitsFor.WORKSPACE:
            slug = job.workspace.slug if job.workspace else ""
            return _("Waits for other jobs of “%(slug)s” to end: no more of them may run at once.") % {"slug": slug}
