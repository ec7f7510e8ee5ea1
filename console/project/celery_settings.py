"""What both Celery apps share: JSON only, no results, no remote control; a message is a wake-up and may be lost."""

from typing import Any

CELERY_COMMON: dict[str, Any] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_accept_content": ["json"],
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # longer than any lease; what is delivered twice is found in the journal
    "broker_transport_options": {
        "visibility_timeout": 3600,
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "retry_on_timeout": True,
    },
    "task_publish_retry": False,
    "timezone": "UTC",
}
