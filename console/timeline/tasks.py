"""The console worker's Celery task of the timeline."""

from celery import Celery

from console.timeline import retention


def register(app: Celery) -> None:
    app.task(name="timeline.tidy")(tidy)


def tidy() -> None:
    retention.tidy()
