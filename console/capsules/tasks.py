"""The console worker's Celery tasks: capsules whose time is over go."""

from celery import Celery

from console.capsules.observations import note_failed_capsules
from console.capsules.retention import remove_due


def register(app: Celery) -> None:
    app.task(name="capsules.tidy")(tidy)


def tidy() -> None:
    note_failed_capsules()
    remove_due()
