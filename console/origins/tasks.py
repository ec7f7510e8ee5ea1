"""The console worker's Celery task of repositories. Beat only rings: two that ring twice make nothing happen twice."""

from contextlib import suppress

from celery import Celery
from redis.exceptions import LockError

from console.jobs import streams
from console.origins import rounds

# longer than a round takes, in which every server is as slow as it may be
LOCK_S = 600


def register(app: Celery) -> None:
    app.task(name="origins.look")(look)


def look() -> None:
    """One round at a time: servers that answer slowly take one of the worker's threads, and not all of them."""
    lock = streams.connection().lock("naru:origins:lock", timeout=LOCK_S, blocking=False)
    if not lock.acquire():
        return
    try:
        rounds.look_round()
    finally:
        # it took longer, or Redis has forgotten it: rows are taken by one all the same
        with suppress(LockError):
            lock.release()
