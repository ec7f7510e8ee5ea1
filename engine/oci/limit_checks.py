"""What this machine can keep of the limits that a client asks for: the rest is given up with a warning, or refused.

Docker's rule and words (daemon/daemon_unix.go, verifyPlatformContainerResources): a limit that the kernel lacks is
discarded and the client told so; one that the machine can never satisfy is an error.
"""

from dataclasses import replace
from typing import Any, Final

from engine.host.block_devices import disk_number
from engine.host.capabilities import UNLIMITED, Machine
from engine.model.errors import Invalid, Unsupported
from engine.model.resources import LimitSupport, Resources
from engine.oci.limits import process_limits, ulimit_value
from engine.wire.text import shown

_NANO: Final = 1_000_000_000
_HIGHEST_PROCESSOR: Final = 8192  # no list of a client is expanded beyond it
_NOT_MOUNTED: Final = "or the cgroup is not mounted"

# what was asked, where; whether the kernel can; what becomes of it; Docker's words
_DISCARDED: Final[tuple[tuple[str, str, Any, str], ...]] = (
    (
        "memory_reservation_bytes",
        "memory_reservation",
        0,
        f"memory soft limit capabilities {_NOT_MOUNTED}. Limitation discarded.",
    ),
    (
        "kernel_memory_tcp_bytes",
        "kernel_memory_tcp",
        0,
        f"kernel memory TCP limit capabilities {_NOT_MOUNTED}. Limitation discarded.",
    ),
    ("oom_kill_disable", "oom_kill_disable", False, "OomKillDisable. OomKillDisable discarded."),
    ("cpu_shares", "cpu_shares", 0, f"CPU shares {_NOT_MOUNTED}. Shares discarded."),
    ("cpu_period_us", "cpu_cfs", 0, "CPU CFS scheduler. CPU period/quota discarded."),
    ("cpu_quota_us", "cpu_cfs", 0, "CPU CFS scheduler. CPU period/quota discarded."),
    ("cpuset_cpus", "cpuset", "", f"cpuset {_NOT_MOUNTED}. Cpuset discarded."),
    ("cpuset_mems", "cpuset", "", f"cpuset {_NOT_MOUNTED}. Cpuset discarded."),
    ("blkio_weight", "blkio_weight", 0, f"Block I/O weight {_NOT_MOUNTED}. Weight discarded."),
    (
        "blkio_weight_devices",
        "blkio_weight_device",
        (),
        f"Block I/O weight_device {_NOT_MOUNTED}. Weight-device discarded.",
    ),
    (
        "blkio_read_bps",
        "blkio_read_bps",
        (),
        f"BPS Block I/O read limit {_NOT_MOUNTED}. Block I/O BPS read limit discarded.",
    ),
    (
        "blkio_write_bps",
        "blkio_write_bps",
        (),
        f"BPS Block I/O write limit {_NOT_MOUNTED}. Block I/O BPS write limit discarded.",
    ),
    (
        "blkio_read_iops",
        "blkio_read_iops",
        (),
        f"IOPS Block read limit {_NOT_MOUNTED}. Block I/O IOPS read limit discarded.",
    ),
    (
        "blkio_write_iops",
        "blkio_write_iops",
        (),
        f"IOPS Block write limit {_NOT_MOUNTED}. Block I/O IOPS write limit discarded.",
    ),
)


def kept_limits(asked: Resources, *, machine: Machine) -> tuple[Resources, list[str]]:
    """The limits that this machine keeps, and a warning for each that it does not. Looks at named devices: may block
    for a moment. Raises Invalid or Unsupported for what can never be satisfied."""
    support = machine.limits
    kept, warnings = _without_memory(asked, support)
    for field, ability, nothing, words in _DISCARDED:
        if getattr(kept, field) and not getattr(support, ability):
            kept = replace(kept, **{field: nothing})
            warnings.append(f"Your kernel does not support {words}")
    _check_processors(kept, machine)
    _check_devices(kept)
    return kept, [*dict.fromkeys(warnings), *_lowered(kept, machine)]


def risk_warnings(limits: Resources) -> list[str]:
    """Of limits that are kept, and dangerous."""
    if limits.oom_kill_disable and not limits.memory_bytes:
        return [
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system "
            "running out of resources."
        ]
    return []


def _without_memory(asked: Resources, support: LimitSupport) -> tuple[Resources, list[str]]:
    """Limits whose absence changes more than themselves, or whose emptiness is not falsehood."""
    kept, warnings = asked, []
    if kept.memory_bytes and not support.memory:
        kept = replace(kept, memory_bytes=0, memory_swap_bytes=-1)
        warnings.append(f"Your kernel does not support memory limit capabilities {_NOT_MOUNTED}. Limitation discarded.")
    if kept.memory_bytes and kept.memory_swap_bytes != -1 and not support.memory_swap:
        kept = replace(kept, memory_swap_bytes=-1)
        warnings.append(
            f"Your kernel does not support swap limit capabilities {_NOT_MOUNTED}. Memory limited without swap."
        )
    if kept.memory_swappiness is not None and not support.memory_swappiness:
        kept = replace(kept, memory_swappiness=None)
        warnings.append(
            f"Your kernel does not support memory swappiness capabilities {_NOT_MOUNTED}. Memory swappiness discarded."
        )
    if kept.pids_limit and not support.pids:
        if kept.pids_limit > 0:
            warnings.append(
                f"Your kernel does not support PIDs limit capabilities {_NOT_MOUNTED}. PIDs limit discarded."
            )
        kept = replace(kept, pids_limit=-1)
    return kept, warnings


def _check_processors(kept: Resources, machine: Machine) -> None:
    support = machine.limits
    if kept.nano_cpus > machine.cpus * _NANO:
        raise Invalid(
            f"Range of CPUs is from 0.01 to {machine.cpus}.00, as there are only {machine.cpus} CPUs available"
        )
    if kept.nano_cpus and not support.cpu_cfs:
        raise Invalid(f"NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler {_NOT_MOUNTED}")
    if not _listed(kept.cpuset_cpus, "cpuset cpus") <= _listed(support.cpus, "cpuset cpus"):
        raise Invalid(f"Requested CPUs are not available - requested {kept.cpuset_cpus}, available: {support.cpus}")
    if not _listed(kept.cpuset_mems, "cpuset mems") <= _listed(support.mems, "cpuset mems"):
        raise Invalid(
            f"Requested memory nodes are not available - requested {kept.cpuset_mems}, available: {support.mems}"
        )
    if (kept.cpu_realtime_period_us or kept.cpu_realtime_runtime_us) and not support.cpu_realtime:
        name = "CpuRealtimeRuntime" if kept.cpu_realtime_runtime_us else "CpuRealtimePeriod"
        raise Unsupported(f"HostConfig.{name}: your kernel does not support CPU real-time scheduler")


def _listed(text: str, what: str) -> set[int]:
    """Numbers of a kernel list, "0-2,7" (cpuset(7), "List format")."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not all(word.isascii() and word.isdigit() and len(word) < 6 for word in (first, last)):
            raise Invalid(f"Invalid value {shown(text)[1:-1]} for {what}: invalid format: {shown(part)[1:-1]}")
        if not int(first) <= int(last) <= _HIGHEST_PROCESSOR:
            raise Invalid(f"Invalid value {shown(text)[1:-1]} for {what}: not a range: {shown(part)[1:-1]}")
        found.update(range(int(first), int(last) + 1))
    return found


def _check_devices(kept: Resources) -> None:
    fields = {
        "BlkioWeightDevice": kept.blkio_weight_devices,
        "BlkioDeviceReadBps": kept.blkio_read_bps,
        "BlkioDeviceWriteBps": kept.blkio_write_bps,
        "BlkioDeviceReadIOps": kept.blkio_read_iops,
        "BlkioDeviceWriteIOps": kept.blkio_write_iops,
    }
    for name, limits in fields.items():
        for limit in limits:
            if not limit.amount:
                continue
            try:
                disk_number(limit.path)
            except Invalid as error:
                raise Invalid(f"{name}: {error}") from error


def _lowered(kept: Resources, machine: Machine) -> list[str]:
    """A warning for each ulimit above what the engine itself may have. Raises Invalid for an unknown name."""
    given = {limit["type"]: limit for limit in process_limits(kept.ulimits, machine=machine)}
    warnings = []
    for ulimit in kept.ulimits:
        limit = given[f"RLIMIT_{ulimit.name.upper()}"]
        asked = (ulimit_value(ulimit.soft), ulimit_value(ulimit.hard))
        if asked != (limit["soft"], limit["hard"]):
            warnings.append(
                f"Ulimit {ulimit.name}={_shown(asked[0])}:{_shown(asked[1])} was lowered to "
                f"{_shown(limit['soft'])}:{_shown(limit['hard'])}: {_shown(limit['hard'])} is the most that "
                "the engine may have itself"
            )
    return warnings


def _shown(limit: int) -> str:
    return "unlimited" if limit == UNLIMITED else str(limit)
