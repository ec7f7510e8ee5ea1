"""Reading schedules: where schedule.view is held."""

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.schedules.models import Firing, Schedule

PATHS = Paths(workspace="workspace_id", host="host_id")


def visible_schedules(actor: Actor, *, workspace: str = "") -> QuerySet[Schedule]:
    """By name, with ``last_state``, ``last_at`` and ``last_job`` of the newest firing."""
    newest = Firing.objects.filter(schedule=OuterRef("pk")).order_by("-due_at")
    schedules = (
        Schedule.objects.select_related("host", "workspace")
        .annotate(last_state=Subquery(newest.values("state")[:1]))
        .annotate(last_at=Subquery(newest.values("due_at")[:1]))
        .annotate(last_job=Subquery(newest.values("job_id")[:1]))
        .order_by("name", "pk")
    )
    if workspace:
        schedules = schedules.filter(workspace__slug=workspace)
    return bounded(actor, Permission.SCHEDULE_VIEW, schedules, PATHS)


def get_schedule(actor: Actor, schedule_id: int) -> Schedule:
    found = visible_schedules(actor).filter(pk=schedule_id).first()
    if found is None:
        raise Missing(_("There is no such schedule."))
    return found


def firings_of(schedule: Schedule) -> QuerySet[Firing]:
    """Newest first, jobs along."""
    return Firing.objects.filter(schedule=schedule).select_related("job").order_by("-due_at")


def is_busy(schedule: Schedule) -> bool:
    """Whether something it has asked for is still at work, or is being asked for. A rule of operations."""
    firings = Firing.objects.filter(schedule=schedule)
    return firings.filter(state=Firing.State.PENDING).exists() or firings.filter(job__state__in=Job.ACTIVE).exists()


def troubled_schedules(actor: Actor) -> QuerySet[Schedule]:
    """Those that were paused because their owner may not any more."""
    return visible_schedules(actor).filter(state=Schedule.State.PAUSED).exclude(trouble="")
