"""The console worker's Celery tasks of stats."""

from celery import Celery

from console.stats import retention


def register(app: Celery) -> None:
    app.task(name="stats.tidy")(tidy)


def tidy() -> None:
    retention.tidy()
