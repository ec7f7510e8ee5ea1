"""Hosts as lists and the overview show them: what they have, what limits promise of it, and what is really used."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from console.containers.models import Container
from console.hosts.models import Host
from console.stats.latest import HOST, HostUse, host_ring, latest_of
from console.stats.rings import TIERS
from console.stats.sparks import SPAN_S, Spark, spark

COARSE = len(TIERS) - 1
FEW, NEW_SPAN_S = 12, 3600
PRESSED, FULL = 85.0, 95.0


@dataclass(frozen=True, slots=True)
class Promised:
    """The sum of limits of what runs; ``unlimited`` of the running have no limit of memory."""

    running: int = 0
    containers: int = 0
    cpus: float = 0.0
    memory: int = 0
    unlimited: int = 0


@dataclass(frozen=True, slots=True)
class Meter:
    """Percent of what there is: ``used``, and ``promised`` where limits say so (it may be more than all).

    ``tone``: empty, "warn" or "bad".
    """

    used: float
    promised: float | None = None
    tone: str = ""

    @property
    def used_width(self) -> float:
        return round(min(self.used, 100), 1)

    @property
    def promised_width(self) -> float:
        return round(min(self.promised or 0, 100), 1)


@dataclass(frozen=True, slots=True)
class HostState:
    """``use`` is None when nothing is known, or what was known is old."""

    host: Host
    promised: Promised
    use: HostUse | None
    cpu: Meter | None = None
    memory: Meter | None = None
    disk: Meter | None = None
    cpu_spark: Spark | None = None
    memory_spark: Spark | None = None

    @property
    def cpus(self) -> int:
        """As measured, or as its engine told; 0 when nobody knows."""
        return self.use.cpus if self.use else int(self.host.info.get("cpus") or 0)

    @property
    def memory_total(self) -> float:
        return self.use.memory_total if self.use else float(self.host.info.get("memory_bytes") or 0)

    @property
    def disk_tone(self) -> str:
        return self.disk.tone if self.disk else ""


def states_of(hosts: Iterable[Host], *, with_sparks: bool = True) -> list[HostState]:
    """One query for all of them, and a small file or two for each."""
    hosts = list(hosts)
    promised = promised_on([host.pk for host in hosts])
    return [_state(host, promised.get(host.pk, Promised()), with_sparks=with_sparks) for host in hosts]


def promised_on(host_pks: list[int]) -> Mapping[int, Promised]:
    alive = Q(state__in=Container.ALIVE)
    rows = (
        Container.objects.filter(host__in=host_pks, gone_at=None)
        .order_by()
        .values("host_id")
        .annotate(
            running=Count("pk", filter=alive),
            containers=Count("pk"),
            cpus=Sum("cpus", filter=alive),
            memory=Sum("memory_bytes", filter=alive),
            unlimited=Count("pk", filter=alive & Q(memory_bytes=0)),
        )
    )
    return {
        row["host_id"]: Promised(
            row["running"], row["containers"], row["cpus"] or 0.0, row["memory"] or 0, row["unlimited"]
        )
        for row in rows
    }


def _state(host: Host, promised: Promised, *, with_sparks: bool) -> HostState:
    latest = latest_of(host.name)
    use = None if latest.is_stale else latest.host
    if use is None:
        return HostState(host, promised, None)
    cpu_spark, memory_spark = _sparks(host) if with_sparks else (None, None)
    return HostState(
        host,
        promised,
        use,
        cpu=_meter(use.cpu or 0, 100, promised.cpus and promised.cpus * 100 / max(use.cpus, 1)),
        memory=_meter(use.memory, use.memory_total, promised.memory and promised.memory * 100 / use.memory_total),
        disk=_meter(use.disk, use.disk + use.disk_free) if use.disk_total else None,
        cpu_spark=cpu_spark,
        memory_spark=memory_spark,
    )


def _meter(used: float, of: float, promised: float = 0.0) -> Meter:
    percent = 100 * used / of if of > 0 else 0.0
    tone = "bad" if percent >= FULL else "warn" if percent >= PRESSED else ""
    return Meter(percent, promised or None, tone)


def _sparks(host: Host) -> tuple[Spark, Spark]:
    """Of the last six hours, a point for five minutes, in percent; of a new host of the last hour, by the minute."""
    ring, now_s, span_s = host_ring(host.name), int(time.time()), SPAN_S
    samples = ring.read(COARSE, now_s - span_s, now_s)
    if len(samples) < FEW:
        span_s = NEW_SPAN_S
        samples = ring.read(COARSE - 1, now_s - span_s, now_s)
    cpu, used, total = (HOST.names.index(name) for name in ("cpu", "memory", "memory_total"))
    memory = [(sample.at_s, 100 * sample.values[used] / (sample.values[total] or 1)) for sample in samples]
    return spark([(sample.at_s, sample.values[cpu]) for sample in samples], span_s=span_s), spark(memory, span_s=span_s)
