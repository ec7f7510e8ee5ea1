"""The console worker's Celery task: grants whose time is over are taken away."""

from celery import Celery

from console.access.operations import end_due_grants


def register(app: Celery) -> None:
    app.task(name="access.end_due")(end_due)


def end_due() -> None:
    end_due_grants()
