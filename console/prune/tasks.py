"""The console worker's Celery task of quarantine. Beat only rings: rung twice it asks for nothing twice."""

from celery import Celery
from django.utils import timezone

from console.prune.operations import remove_due


def register(app: Celery) -> None:
    app.task(name="prune.sweep")(sweep)


def sweep() -> None:
    remove_due(timezone.now())
