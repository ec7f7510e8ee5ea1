"""What both Celery apps share: JSON only, no results, no remote control; a message is a wake-up and may be lost."""

from typing import Any

from kombu import Queue


def queue_settings(name: str) -> dict[str, Any]:
    """Of an app that reads this queue.

    Messages are gone once they are taken: what a message was about is in a row, and is sent again. Kombu would have
    each one acknowledged, and when Redis goes away under as many acknowledgements as a worker has threads, that worker
    never asks for another message, though it is connected; and what takes longer than Redis is patient comes twice.
    """
    return {"task_default_queue": name, "task_queues": [Queue(name, no_ack=True)]}


CELERY_COMMON: dict[str, Any] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_accept_content": ["json"],
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "worker_prefetch_multiplier": 1,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "retry_on_timeout": True,
        # of who sends while Redis is away: the sweeper sends it again, so nobody waits six seconds for it in vain
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
    },
    "task_publish_retry": False,
    "timezone": "UTC",
}
