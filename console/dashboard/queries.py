"""What the overview counts, all as far as the actor may see it."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from console.containers.models import Container
from console.containers.queries import visible_containers
from console.images.queries import visible_images
from console.jobs.models import Job
from console.jobs.queries import visible_jobs
from console.operations.actor import Actor

RECENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Counts:
    running: int
    containers: int
    images: int
    active_jobs: int
    failed_jobs: int


def counts(actor: Actor) -> Counts:
    containers, jobs = visible_containers(actor), visible_jobs(actor)
    return Counts(
        running=containers.filter(state__in=Container.ALIVE).count(),
        containers=containers.count(),
        images=visible_images(actor).count(),
        active_jobs=jobs.filter(state__in=Job.ACTIVE).count(),
        failed_jobs=jobs.filter(state=Job.State.FAILED, finished_at__gte=timezone.now() - RECENT).count(),
    )
