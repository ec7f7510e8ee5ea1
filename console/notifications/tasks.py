"""The console worker's Celery tasks: what is due is sent, and what can only be found by looking is looked for."""

from celery import Celery

from console.access.observations import tell_ending_grants
from console.hosts.observations import note_lost_hosts
from console.notifications.delivering import deliver
from console.notifications.observations import forget_old


def register(app: Celery) -> None:
    app.task(name="notifications.deliver")(send)
    app.task(name="notifications.watch")(watch)
    app.task(name="notifications.tidy")(tidy)


def send() -> None:
    deliver()


def watch() -> None:
    note_lost_hosts()
    tell_ending_grants()


def tidy() -> None:
    forget_old()
