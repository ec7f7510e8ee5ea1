"""The console worker's Celery tasks of schedules. Beat only rings: two that ring twice make nothing happen twice."""

from celery import Celery

from console.schedules import firing


def register(app: Celery) -> None:
    app.task(name="schedules.fire")(fire)
    app.task(name="schedules.tidy")(tidy)


def fire() -> None:
    firing.fire_due()


def tidy() -> None:
    firing.tidy()
