"""Writing down what hosts say: the stream of facts is read in order; an entry is deleted once it is in the database."""

import json
from typing import Any, cast

import structlog
from django.db import DataError, IntegrityError
from redis.exceptions import LockError

from console.jobs import streams
from console.jobs.facts import observers

log = structlog.get_logger(__name__)

BATCH = 100
# shorter than a lease: a worker killed while it holds the lock must not cost the jobs whose heartbeats wait
LOCK_S = 10
MOST_ENTRIES = 5000
# the fact's own fault, unlike a database or a Redis that is away: then it stays and is read again
MALFORMED = (KeyError, ValueError, TypeError, AttributeError, OverflowError, DataError, IntegrityError)


def ingest(host_name: str) -> int:
    """Drain the host's facts. Returns how many. One process at a time per host, so that they keep their order."""
    connection = streams.connection()
    key = streams.facts_key(host_name)
    done = 0
    # looked at again after the lock is let go: what came while it was held had its bell ignored
    while connection.xlen(key) and done < MOST_ENTRIES:
        lock = connection.lock(f"{key}:lock", timeout=LOCK_S, blocking=False)
        if not lock.acquire():
            break
        try:
            while entries := cast("list[Any]", connection.xrange(key, count=BATCH)):
                for entry_id, fields in entries:
                    _observe(host_name, entry_id, fields)
                    connection.xdel(key, entry_id)
                    done += 1
                if not lock.owned():
                    # Redis has forgotten it, or it took too long: somebody else may read now
                    break
                lock.extend(LOCK_S, replace_ttl=True)
        finally:
            try:
                lock.release()
            except LockError:
                log.warning("facts took longer than their lock", host=host_name)
    return done


def _observe(host_name: str, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
    """A fact that cannot be taken is set aside with its reason: it must not hold up those behind it."""
    try:
        fact = json.loads(fields[b"fact"])
        for observe in observers(str(fact["kind"])):
            observe(host_name, fact)
    except MALFORMED as error:
        log.error("fact set aside", host=host_name, entry=entry_id.decode(), exc_info=True)
        kept = {b"why": f"{type(error).__name__}: {error}".encode(), **fields}
        streams.connection().xadd(streams.rejected_key(host_name), cast("Any", kept), maxlen=1000)
