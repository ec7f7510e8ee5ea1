"""Logs of containers that are gone: which of them their engines have kept, as far as somebody may read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.db.models import Q, QuerySet
from django.utils import timezone

from console.containers.models import Container
from console.containers.queries import PATHS, ContainerFilter, visible_containers
from console.hosts.log_reading import KeptLog, KeptLogs, kept_logs_of
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import bounded

# an engine may be told to keep them for longer; nobody looks for them in a list then
LOOKED_BACK = timedelta(days=30)
MOST_ASKED_FOR = 200
MOST_EARLIER = 5


@dataclass(frozen=True, slots=True)
class GoneLog:
    container: Container
    kept: KeptLog


def kept_log_of(container: Container) -> KeptLogs:
    """What became of the log of one that is gone, by its engine. Never raises."""
    address = container.host.address
    return async_to_sync(kept_logs_of)({address: [container.engine_id]})[address]


def readable_gone(actor: Actor, wanted: ContainerFilter | None = None) -> QuerySet[Container]:
    """Those lately gone whose log the actor may read, if it was kept; the one removed last first."""
    wanted = wanted or ContainerFilter(gone=True)
    seen = visible_containers(actor, wanted).filter(gone_at__gte=timezone.now() - LOOKED_BACK)
    return bounded(actor, Permission.CONTAINER_LOGS, seen, PATHS).order_by("-gone_at", "-pk")


def kept_among(containers: Sequence[Container]) -> list[GoneLog]:
    """In their order. Asks each engine once, those of hosts that are away not at all; those that fail have none."""
    wanted: dict[str, list[str]] = {}
    for one in containers[:MOST_ASKED_FOR]:
        if not one.host.is_stale:
            wanted.setdefault(one.host.address, []).append(one.engine_id)
    if not wanted:
        return []
    answers = async_to_sync(kept_logs_of)(wanted)
    found = ((one, answers[one.host.address].logs.get(one.engine_id)) for one in containers if not one.host.is_stale)
    return [GoneLog(one, kept) for one, kept in found if kept is not None]


def earlier_logs(actor: Actor, container: Container) -> list[GoneLog]:
    """Those kept of containers that had its name, or that it has come after, before it was made; the latest first."""
    same = Q(name=container.name) | Q(pk=container.lineage) | Q(first_id=container.lineage)
    before = readable_gone(actor).filter(same, host=container.host, created_at__lt=container.created_at)
    return kept_among(list(before.exclude(pk=container.pk)[: MOST_EARLIER * 2]))[:MOST_EARLIER]
