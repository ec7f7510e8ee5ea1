"""What is read anew for each scrape: the database's rows counted, and each host's latest samples.

Names of containers come from hosts, so they are many and hostile: the library escapes them, and of a console with more
than MOST_CONTAINERS running the rest is left out, and counted.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from console.audit.models import AuditCheckpoint, AuditHead
from console.containers.models import Container
from console.hosts.queries import present_hosts
from console.jobs.kinds import kind_names
from console.jobs.models import Job
from console.live.consumers import sockets_open
from console.notifications.models import Delivery
from console.stats.latest import ContainerUse, HostUse, Latest, latest_of

MOST_CONTAINERS = 2000
OTHER = "other"
HOST_GAUGES = {
    "cpu": ("cpu_percent", "Use of all processors together, in percent."),
    "cpus": ("cpus", "Processors."),
    "memory": ("memory_used_bytes", "Memory that is not available to others."),
    "memory_total": ("memory_bytes", "Memory."),
    "load": ("load1", "Load average of a minute."),
    "disk": ("disk_used_bytes", "Used of the file system that the engine's data is on."),
    "disk_total": ("disk_bytes", "Size of the file system that the engine's data is on."),
    "disk_free": ("disk_free_bytes", "Left of the file system that the engine's data is on, for all but root."),
    "rx": ("network_receive_bytes_per_second", "Received by the machine's devices."),
    "tx": ("network_transmit_bytes_per_second", "Sent by the machine's devices."),
    "layers": ("image_layers_bytes", "Layers of images that the engine keeps."),
    "volumes": ("volumes_bytes", "Volumes that the engine keeps."),
    "build_cache": ("build_cache_bytes", "The engine's build cache."),
}
CONTAINER_GAUGES = {
    "cpu": ("cpu_percent", "Use of processors, 100 for one that is busy."),
    "memory": ("memory_working_set_bytes", "Memory without what could be dropped of the page cache."),
    "limit": ("memory_limit_bytes", "Limit of memory, or the machine's."),
    "rx": ("network_receive_bytes_per_second", "Received."),
    "tx": ("network_transmit_bytes_per_second", "Sent."),
    "read": ("disk_read_bytes_per_second", "Read from disks."),
    "write": ("disk_write_bytes_per_second", "Written to disks."),
    "pids": ("pids", "Processes and threads."),
}


class Console(Collector):
    """Jobs, sockets, deliveries, the audit log."""

    def collect(self) -> Iterator[Metric]:
        yield from _jobs()
        yield _gauge("naru_websockets_open", "Pages that listen.", sockets_open())
        deliveries = GaugeMetricFamily("naru_deliveries", "Messages to channels by state.", labels=["state"])
        for state, count in Delivery.objects.order_by().values_list("state").annotate(Count("pk")):
            deliveries.add_metric([state], count)
        yield deliveries
        waiting = Delivery.objects.filter(state=Delivery.State.WAITING).aggregate(at=Min("created_at"))["at"]
        yield _gauge("naru_delivery_wait_seconds", "Age of the oldest that is not sent.", _age_s(waiting))
        head = AuditHead.objects.first()
        yield _gauge("naru_audit_entries", "Number of the newest entry of the audit log.", head.seq if head else 0)
        signed = AuditCheckpoint.objects.order_by("-pk").values_list("at", flat=True).first()
        if signed is not None:
            yield _gauge("naru_audit_head_age_seconds", "Since the log's head was signed last.", _age_s(signed))


class Hosts(Collector):
    """Hosts and their containers, by what their agents said last."""

    def collect(self) -> Iterator[Metric]:
        hosts = list(present_hosts().order_by("name"))
        latest = {host.name: latest_of(host.name) for host in hosts}
        up = GaugeMetricFamily("naru_host_up", "1 while its engine answers its agent.", labels=["host"])
        seen = GaugeMetricFamily("naru_host_seen_age_seconds", "Since it was seen last.", labels=["host"])
        for host in hosts:
            up.add_metric([host.name], 0 if host.is_stale else 1)
            if host.last_seen_at is not None:
                seen.add_metric([host.name], _age_s(host.last_seen_at))
        yield up
        yield seen
        yield from _of_hosts(latest)
        yield _states()
        yield from _of_containers(latest)


def _jobs() -> Iterator[Metric]:
    known = set(kind_names())
    jobs = GaugeMetricFamily("naru_jobs", "Jobs that are kept, by state and kind.", labels=["state", "kind"])
    counted: dict[tuple[str, str], int] = {}
    for state, kind, count in Job.objects.order_by().values_list("state", "kind").annotate(Count("pk")):
        key = (state, kind if kind in known else OTHER)
        counted[key] = counted.get(key, 0) + count
    for key, count in counted.items():
        jobs.add_metric(key, count)
    yield jobs
    queued = GaugeMetricFamily("naru_job_queue_age_seconds", "Age of the oldest job that waits.", labels=["host"])
    waiting = Job.objects.filter(state=Job.State.QUEUED).order_by()
    for host, at in waiting.values_list("host__name").annotate(Min("created_at")):
        queued.add_metric([host], _age_s(at))
    yield queued


def _of_hosts(latest: dict[str, Latest]) -> Iterator[Metric]:
    for field, (name, words) in HOST_GAUGES.items():
        family = GaugeMetricFamily(f"naru_host_{name}", words, labels=["host"])
        for host, told in latest.items():
            value = _told(told.host, field) if not told.is_stale else None
            if value is not None:
                family.add_metric([host], value)
        yield family


def _states() -> Metric:
    family = GaugeMetricFamily("naru_containers", "Containers by state.", labels=["host", "state"])
    present = Container.objects.filter(gone_at=None).order_by()
    for host, state, count in present.values_list("host__name", "state").annotate(Count("pk")):
        family.add_metric([host, state], count)
    return family


def _of_containers(latest: dict[str, Latest]) -> Iterator[Metric]:
    rows = Container.objects.filter(gone_at=None, state__in=Container.ALIVE).order_by("pk")
    named = list(rows.values_list("host__name", "workspace__slug", "name", "engine_id")[: MOST_CONTAINERS + 1])
    used: list[tuple[list[str], ContainerUse]] = []
    for host, workspace, name, engine_id in named[:MOST_CONTAINERS]:
        told = latest.get(host)
        use = told.containers.get(engine_id) if told and not told.is_stale else None
        if use is not None:
            # a name may be given again while the row of the one before is still there: the id tells them apart
            used.append(([host, workspace, name, engine_id[:12]], use))
    left_out = max(0, rows.count() - MOST_CONTAINERS) if len(named) > MOST_CONTAINERS else 0
    yield _gauge("naru_containers_left_out", "Running ones that are not told of one by one.", left_out)
    for field, (name, words) in CONTAINER_GAUGES.items():
        family = GaugeMetricFamily(f"naru_container_{name}", words, labels=["host", "workspace", "name", "id"])
        for labels, use in used:
            value = _told(use, field)
            if value is not None:
                family.add_metric(labels, value)
        yield family


def _told(use: HostUse | ContainerUse | None, field: str) -> float | None:
    value = getattr(use, field, None)
    return None if value is None else float(value)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _age_s(at: datetime | None) -> float:
    return max(0.0, (timezone.now() - at).total_seconds()) if at is not None else 0.0
