"""The console worker's Celery tasks: each parses its message and calls one function."""

from celery import Celery

from console.audit.observations import check, sign_head
from console.audit.operations import seal_old_entries
from console.hosts.queries import present_hosts
from console.jobs import dispatching, ingest, sending, sweeping
from console.jobs.alive import show_alive


def register(app: Celery) -> None:
    app.task(name="jobs.dispatch")(dispatch)
    app.task(name="jobs.ingest")(ingest_facts)
    app.task(name="jobs.sweep")(sweep)
    app.task(name="jobs.tidy")(sweeping.tidy)
    # here because every host's agent is a witness, and the log itself knows no hosts
    app.task(name="audit.head")(sign_audit_head)
    app.task(name="audit.check")(check_audit)
    app.task(name="audit.seal")(seal_audit)


def dispatch(job_id: int) -> None:
    dispatching.fill_for(int(job_id))


def ingest_facts(host_name: str) -> None:
    ingest.ingest(str(host_name))


def sign_audit_head() -> None:
    """Every host's agent is told: none of them can be made to forget by who has the database."""
    if line := sign_head():
        for host in present_hosts():
            sending.send_head(host.queue, line)


def check_audit() -> None:
    check()


def seal_audit() -> None:
    seal_old_entries()


def sweep() -> None:
    show_alive()
    sweeping.sweep()
