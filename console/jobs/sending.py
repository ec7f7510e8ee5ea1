"""Messages to workers. A message only wakes: losing one is harmless, since the sweeper sends it again."""

from typing import Any, cast

import structlog
from celery import Celery
from django.conf import settings
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from console.jobs import streams

log = structlog.get_logger(__name__)

CONSOLE_QUEUE = "console"


def ring_dispatch(job_id: int) -> None:
    """Wake the dispatcher for a job whose row is committed."""
    _send("jobs.dispatch", [job_id], queue=CONSOLE_QUEUE)


def ring_ingest(host_name: str) -> None:
    """Tell the console that a host has said something."""
    _send("jobs.ingest", [host_name], queue=CONSOLE_QUEUE)


def send_execute(queue: str, message: dict[str, Any]) -> bool:
    """Hand an attempt to its host. False when the broker did not take it."""
    return _send("jobs.execute", [message], queue=queue)


def send_pulse(queue: str) -> None:
    """An agent's message to itself, to show that it takes work."""
    _send("jobs.pulse", [], queue=queue, expires=9)


def send_head(queue: str, line: str) -> None:
    """Give a host's agent a signed head of the audit log to keep. One that is away is told later ones."""
    _send("jobs.keep_head", [line], queue=queue, expires=24 * 3600)


def ring_notifications() -> None:
    """Tell the console's worker that there is something to tell people."""
    _send("notifications.deliver", [], queue=CONSOLE_QUEUE, expires=30)


def _send(task: str, args: list[Any], *, queue: str, expires: float | None = None) -> bool:
    app = cast("Celery", import_string(settings.NARU_CELERY_APP))
    try:
        app.send_task(task, args=args, queue=queue, expires=expires, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("message not sent", task=task, queue=queue, why=str(error))
        return False
    return True


def ask_to_cancel(job_id: int) -> None:
    """Leave word for the agent, which looks every second."""
    try:
        streams.connection().set(streams.cancel_key(job_id), "1", ex=streams.KEPT_S)
    except RedisError as error:
        # the sweeper says it again
        log.warning("cancel not said", job=job_id, why=str(error))
