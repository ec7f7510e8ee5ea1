"""What hosts say of their use: written to ring files, and nothing of it to the database."""

import time

import structlog
from django.core.cache import cache

from console.hosts.models import Host
from console.jobs.facts import Fact, observes
from console.operations.runner import publish_on_commit
from console.stats.latest import Latest, container_ring, host_ring, keep_latest
from console.stats.retention import make_room

log = structlog.get_logger(__name__)

OLDEST_S = 24 * 3600
LATE_S = 300
MOST_CONTAINERS = 2000
# however many hosts there are, pages hear of new samples once in a while
RING_EVERY_S = 8


@observes("host.stats")
def host_used(host_name: str, fact: Fact) -> None:
    """Harmless to repeat. A disk that takes nothing costs samples and holds up nothing else."""
    if not Host.objects.filter(name=host_name).exists():
        return
    told = Latest.from_json(fact)
    now_s = time.time()
    at_s = int(min(told.at_s, now_s))
    if at_s < now_s - OLDEST_S:
        return
    # an agent's clock may be off a little; what has waited for long is not of now
    heard_s = now_s if now_s - at_s < LATE_S else at_s
    containers = dict(list(told.containers.items())[:MOST_CONTAINERS])
    try:
        make_room(host_name, containers)
        for engine_id, use in containers.items():
            container_ring(host_name, engine_id).add(at_s, use.values)
        if told.host is not None:
            host_ring(host_name).add(at_s, told.host.values)
        keep_latest(host_name, Latest(heard_s, told.host, containers))
    except OSError as error:
        log.error("samples not kept", host=host_name, why=str(error))
        return
    if cache.add("stats:rung", 1, RING_EVERY_S):
        publish_on_commit("rows.stats", {"host": host_name})
