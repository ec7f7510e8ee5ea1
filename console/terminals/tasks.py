"""The console worker's Celery tasks for sessions."""

from celery import Celery

from console.terminals import retention, sweeping


def register(app: Celery) -> None:
    app.task(name="terminals.sweep")(sweep)
    app.task(name="terminals.tidy")(tidy)


def sweep() -> None:
    sweeping.sweep()


def tidy() -> None:
    retention.prune()
