"""The console worker's Celery tasks: each parses its message and calls one function."""

from celery import Celery

from console.jobs import dispatching, ingest, sweeping
from console.jobs.alive import show_alive


def register(app: Celery) -> None:
    app.task(name="jobs.dispatch")(dispatch)
    app.task(name="jobs.ingest")(ingest_facts)
    app.task(name="jobs.sweep")(sweep)
    app.task(name="jobs.tidy")(sweeping.tidy)


def dispatch(job_id: int) -> None:
    dispatching.dispatch(int(job_id))


def ingest_facts(host_name: str) -> None:
    ingest.ingest(str(host_name))


def sweep() -> None:
    show_alive()
    sweeping.sweep()
