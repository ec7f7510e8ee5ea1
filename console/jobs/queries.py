"""Reading jobs: where job.view is held, and one's own wherever they are as long as it is held anywhere."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.jobs.models import Job, JobRules
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, Target, bounded
from console.secrets.models import Secret
from console.secrets.uses import UNSEEN, finds_uses
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id", host="host_id", labels="labels", owner="actor_id")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Each given field narrows. ``kind`` may be a prefix ending in a dot: ``container.``."""

    state: str = ""
    kind: str = ""
    host: str = ""
    actor_name: str = ""
    workspace: str = ""


def visible_jobs(actor: Actor, wanted: JobFilter | None = None) -> QuerySet[Job]:
    """Newest first; page by ``.filter(pk__lt=last_seen)``. Hosts and workspaces come along."""
    all_jobs = Job.objects.select_related("host", "workspace").order_by("-pk")
    jobs = bounded(actor, Permission.JOB_VIEW, all_jobs, PATHS)
    wanted = wanted or JobFilter()
    if wanted.state:
        jobs = jobs.filter(state=wanted.state)
    if wanted.kind:
        jobs = jobs.filter(kind__startswith=wanted.kind) if wanted.kind.endswith(".") else jobs.filter(kind=wanted.kind)
    if wanted.host:
        jobs = jobs.filter(host__name=wanted.host)
    if wanted.workspace:
        jobs = jobs.filter(workspace__slug=wanted.workspace)
    if wanted.actor_name:
        jobs = jobs.filter(actor_name=wanted.actor_name)
    return jobs


def get_job(actor: Actor, number: int) -> Job:
    job = visible_jobs(actor).filter(pk=number).first()
    if job is None:
        raise Missing(_("There is no job %(number)s.") % {"number": number})
    return job


def find_named(actor: Actor, number: str) -> Job | None:
    """The job that an address names (``?from=7``), if it is one and the actor may see it."""
    return visible_jobs(actor).filter(pk=int(number)).first() if number.isdecimal() and len(number) <= 18 else None


def jobs_on(actor: Actor, target: Target) -> QuerySet[Job]:
    """The jobs that were about this container, image, …"""
    return visible_jobs(actor).filter(on_kind=target.target_kind, on_id=target.target_id)


@finds_uses
def jobs_with(actor: Actor, secret: Secret) -> list[str]:
    """Jobs under way that were given the secret; UNSEEN for one that the actor cannot see."""
    active = Job.objects.filter(workspace_id=secret.workspace_id, state__in=Job.ACTIVE)
    found = [pk for pk, args in active.values_list("pk", "args") if secret.name in args.get("secrets", ())]
    seen = set(visible_jobs(actor).filter(pk__in=found).values_list("pk", flat=True))
    return [_("job #%(number)d") % {"number": pk} if pk in seen else UNSEEN for pk in found]


def rules_of(workspace: Workspace) -> JobRules:
    """As they are; the defaults where nothing was needed or chosen yet."""
    return JobRules.objects.filter(workspace=workspace).first() or JobRules(workspace=workspace)


def find_active_job(on_kind: str, on_id: str) -> Job | None:
    """The queued or running job about this row, if any. A rule of operations, so it asks for no permission."""
    jobs = Job.objects.filter(on_kind=on_kind, on_id=on_id, state__in=Job.ACTIVE)
    return jobs.order_by("pk").first()
