"""The console worker's Celery task of stacks. Beat only rings."""

from datetime import timedelta

from celery import Celery
from django.utils import timezone

from console.stacks.reconciling.operations import forget_old

KEPT = timedelta(days=90)


def register(app: Celery) -> None:
    app.task(name="stacks.tidy")(tidy)


def tidy() -> None:
    forget_old(timezone.now() - KEPT)
