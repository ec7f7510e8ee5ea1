"""What is wrong with a container, by how it was and how it is now. Pure but for the question who wanted it stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from console.containers.models import Container
from console.jobs.models import Job
from console.operations.happenings import EventKind, Happening

ENDED = (Container.State.EXITED, Container.State.DEAD)
STOPPING = ("container.stop", "container.restart", "container.remove", "container.kill", "container.replace")
STOPPING_MANY = ("containers.stop", "containers.restart")
# after a stop has ended, its host may tell of the container a little later
JUST_NOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Before:
    """``is_alive``: it ran, or was about to for the first time."""

    is_alive: bool
    health: str
    restart_count: int
    oom_killed: bool

    @classmethod
    def of(cls, row: Container) -> Self:
        return cls(row.state not in ENDED, row.health, row.restart_count, row.oom_killed)


def troubles(row: Container, before: Before) -> Iterator[Happening]:
    """One that ends, fails its check or is restarted by the engine: each change is told once."""
    has_ended = before.is_alive and row.state in ENDED
    if row.oom_killed and (has_ended or not before.oom_killed):
        yield _about(row, EventKind.CONTAINER_OOM)
    elif has_ended and row.exit_code and not _was_wanted(row):
        yield _about(row, EventKind.CONTAINER_CRASHED, code=row.exit_code)
    elif row.restart_count > before.restart_count:
        yield _about(row, EventKind.CONTAINER_CRASHED, restarts=row.restart_count)
    if row.health == "unhealthy" and before.health != "unhealthy":
        yield _about(row, EventKind.CONTAINER_UNHEALTHY)


def _was_wanted(row: Container) -> bool:
    """A program that is told to stop may end with any code."""
    stops = Job.objects.filter(on_kind=row.target_kind, on_id=row.target_id, kind__in=STOPPING)
    recent = Q(state__in=Job.ACTIVE) | Q(finished_at__gt=timezone.now() - JUST_NOW)
    if stops.filter(recent).exists():
        return True
    many = Job.objects.filter(recent, host=row.host, kind__in=STOPPING_MANY).values_list("args", flat=True)
    return any(item["engine_id"] == row.engine_id for args in many for item in args["items"])


def _about(row: Container, kind: EventKind, **details: Any) -> Happening:
    return Happening(
        kind,
        about=f"container:{row.pk}",
        name=row.name,
        place=row.place,
        details={"host": row.host.name, **details},
        # an app above keeps there what was left of it
        link=reverse("timeline:history", args=[row.host.name, row.short_id]),
    )
