"""The console worker's Celery tasks: backups whose time is over go."""

from celery import Celery

from console.volumes.observations import note_failed_backups
from console.volumes.retention import remove_due


def register(app: Celery) -> None:
    app.task(name="volumes.tidy")(tidy)


def tidy() -> None:
    note_failed_backups()
    remove_due()
