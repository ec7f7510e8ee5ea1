"""What the overview shows, all as far as the actor may see it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from console.containers.models import Container
from console.containers.queries import ContainerFilter, visible_containers
from console.images.queries import visible_images
from console.jobs.models import Job
from console.jobs.queries import visible_jobs
from console.operations.actor import Actor
from console.web.keyset import first_of

RECENT = timedelta(hours=24)
State = Container.State
# ended by a signal that asks to end, or kills: by "docker stop", more often than not
STOPPED = (0, 137, 143)
ENDED = (State.EXITED, State.DEAD)


@dataclass(frozen=True, slots=True)
class Counts:
    """``has_images``: also taken for granted where there are containers."""

    running: int
    containers: int
    troubled: int
    active_jobs: int
    failed_jobs: int
    has_images: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What last became of a container, and when; ``what`` is a state's word."""

    container: Container
    what: str
    at: datetime


def counts(actor: Actor) -> Counts:
    """By one look at each table."""
    since = timezone.now() - RECENT
    containers = (
        visible_containers(actor)
        .order_by()
        .aggregate(
            all=Count("pk"),
            running=Count("pk", filter=Q(state__in=Container.ALIVE)),
            troubled=Count("pk", filter=_troubled(since)),
        )
    )
    active = Q(state__in=Job.ACTIVE)
    jobs = _jobs(actor).order_by().aggregate(active=Count("pk", filter=active), failed=Count("pk", filter=~active))
    return Counts(
        running=containers["running"],
        containers=containers["all"],
        troubled=containers["troubled"],
        active_jobs=jobs["active"],
        failed_jobs=jobs["failed"],
        has_images=bool(containers["all"]) or visible_images(actor).exists(),
    )


def troubled_containers(actor: Actor) -> QuerySet[Container]:
    """Unhealthy, restarting and dead ones, and those that broke within a day; what changed last comes first."""
    return visible_containers(actor).filter(_troubled(timezone.now() - RECENT)).order_by("-seen_at", "-pk")


def jobs_to_show(actor: Actor, most: int) -> QuerySet[Job]:
    """What is under way, then what failed within a day, newest first."""
    failed_last = Case(When(state__in=Job.ACTIVE, then=Value(0)), default=Value(1))
    return first_of(_jobs(actor).order_by(failed_last, "-pk"), most)


def changes(actor: Actor, most: int) -> list[Change]:
    """What started, ended, came or went last, newest first."""
    since = timezone.now() - RECENT
    rows = visible_containers(actor, ContainerFilter(gone=True)).filter(Q(gone_at=None) | Q(gone_at__gte=since))
    latest = first_of(rows.order_by(Coalesce("gone_at", "seen_at").desc(), "-pk"), most)
    return sorted(map(_change, latest), key=lambda change: change.at, reverse=True)


def _jobs(actor: Actor) -> QuerySet[Job]:
    failed = Q(state=Job.State.FAILED, finished_at__gte=timezone.now() - RECENT)
    return visible_jobs(actor).filter(Q(state__in=Job.ACTIVE) | failed)


def _troubled(since: datetime) -> Q:
    broke = Q(state__in=ENDED, finished_at__gte=since) & (~Q(exit_code__in=STOPPED) | Q(oom_killed=True))
    return Q(health="unhealthy", state__in=Container.ALIVE) | Q(state__in=(State.RESTARTING, State.DEAD)) | broke


def _change(row: Container) -> Change:
    if row.gone_at is not None:
        return Change(row, "gone", row.gone_at)
    if row.is_alive:
        return Change(row, row.state, row.started_at or row.created_at)
    return Change(row, row.state, row.finished_at or row.created_at)
