"""The keys in Redis that jobs use, and the connections to it.

``naru:job:<id>:output``   stream; ids ``<attempt>-<n>`` chosen by the agent, so that an entry written twice is refused
``naru:job:<id>:cancel``   set when somebody asked for the job to stop
``naru:host:<name>:facts`` stream of what the host's agent reports; an entry is deleted once it is written down
``naru:host:<name>:agent`` how many attempts the agent can still take; expires with the agent
``naru:blob:<sha256>``     an input on its way to a host
``naru:freight:…``         a piece of what passes between a host and the console (console.jobs.freight)
``naru:epoch``             a word of its own for each life of what Redis holds: another one means that all was lost
``naru:swept``             since when the sweeper has come by without a pause, in seconds since 1970
"""

from functools import cache

import redis
import redis.asyncio
from django.conf import settings

# nothing of ours may stay in Redis for ever when everything else goes wrong
KEPT_S = 14 * 24 * 3600
BLOB_KEPT_S = 1800
AGENT_KEPT_S = 10
EPOCH_KEY = "naru:epoch"
SWEPT_KEY = "naru:swept"
SWEPT_KEPT_S = 10


def output_key(job_id: int) -> str:
    return f"naru:job:{job_id}:output"


def cancel_key(job_id: int) -> str:
    return f"naru:job:{job_id}:cancel"


def facts_key(host_name: str) -> str:
    return f"naru:host:{host_name}:facts"


def rejected_key(host_name: str) -> str:
    return f"naru:host:{host_name}:rejected"


def agent_key(host_name: str) -> str:
    return f"naru:host:{host_name}:agent"


def blob_key(sha256: str) -> str:
    return f"naru:blob:{sha256}"


def freight_key(job_id: int, attempt: int, number: int) -> str:
    return f"naru:freight:{job_id}:{attempt}:{number}"


def connection() -> "redis.Redis":
    """One pool per process; safe to use from any thread."""
    return _connection(settings.REDIS_URL)


@cache
def _connection(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url, decode_responses=False, socket_timeout=10, socket_connect_timeout=2, health_check_interval=30
    )


def async_connection() -> "redis.asyncio.Redis":
    """A connection for one event loop; the caller closes it (``async with``)."""
    connection: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, decode_responses=False, socket_connect_timeout=2
    )
    return connection
