"""Facts on their way to the console: appended to the host's stream, then the bell is rung."""

import json
import time
import uuid
from typing import Any, cast

import structlog
from redis.exceptions import RedisError

from console.jobs import sending, streams

log = structlog.get_logger(__name__)

LONGEST_WAIT_S = 5.0


def report(host_name: str, fact: dict[str, Any], *, patience_s: float = 0.0) -> bool:
    """Append ``fact``. While Redis is away, keep trying for ``patience_s``; False when it was not taken."""
    deadline, wait_s = time.monotonic() + patience_s, 0.1
    while True:
        try:
            streams.connection().xadd(streams.facts_key(host_name), {"fact": json.dumps(fact)})
            break
        except RedisError as error:
            if time.monotonic() + wait_s > deadline:
                log.warning("fact not reported", kind=fact["kind"], why=str(error))
                return False
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
    sending.ring_ingest(host_name)
    return True


def epoch() -> str:
    """A word that stays the same while Redis forgets nothing. RedisError when it does not answer.

    It changes with the process, too: one that died may have lost what it was told last and kept what was before.
    """
    connection = streams.connection()
    connection.set(streams.EPOCH_KEY, uuid.uuid4().hex, nx=True)
    found = connection.get(streams.EPOCH_KEY)
    assert isinstance(found, bytes)
    process = cast("dict[str, Any]", connection.info("server"))["run_id"]
    return f"{found.decode()}-{process}"


def show_room(host_name: str, room: int) -> None:
    """How many more attempts the agent takes; the console sends none while this is 0 or has expired."""
    try:
        streams.connection().set(streams.agent_key(host_name), str(max(room, 0)), ex=streams.AGENT_KEPT_S)
    except RedisError as error:
        log.warning("room not shown", why=str(error))
