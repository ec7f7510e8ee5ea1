"""A container's limits as the OCI runtime-spec words them (config-linux.md "Control groups"; config.md "rlimits")."""

from collections.abc import Iterable
from typing import Any, Final

from engine.host.block_devices import disk_number
from engine.host.capabilities import UNLIMITED, Machine
from engine.model.errors import Invalid
from engine.model.resources import DeviceLimit, Resources, Ulimit

_PERIOD_US: Final = 100_000
_NANO: Final = 1_000_000_000
_LEAST_QUOTA_US: Final = 1000  # sched/core.c, min_cfs_quota_period


def resource_limits(resources: Resources, *, machine: Machine, default_pids: int = 0) -> dict[str, Any]:
    """``linux.resources`` without devices; sections that limit nothing are left out.

    ``default_pids`` holds when the container does not say; -1 there means "no limit, whatever the default". No limit
    is never spelled out: crun 1.8 writes -1 as a number too large for the kernel. ``Cgroups.lift`` takes one back.
    Raises Invalid when a device that is to be limited is not there.
    """
    pids = resources.pids_limit or default_pids
    sections = {
        "memory": _memory(resources, machine),
        "cpu": _cpu(resources),
        "pids": {"limit": pids} if pids > 0 else {},
        "blockIO": _block_io(resources),
    }
    return {name: section for name, section in sections.items() if section}


def _memory(resources: Resources, machine: Machine) -> dict[str, int | bool]:
    memory: dict[str, int | bool] = {}
    if resources.memory_reservation_bytes:
        memory["reservation"] = resources.memory_reservation_bytes
    if resources.memory_bytes:
        memory["limit"] = resources.memory_bytes
        if machine.has_swap_limit:
            # unset: as much swap again, as in Docker. Always sent with the limit: alone either may be refused (EINVAL)
            memory["swap"] = resources.memory_swap_bytes or 2 * resources.memory_bytes
    if resources.memory_swappiness is not None:
        memory["swappiness"] = resources.memory_swappiness
    if resources.oom_kill_disable:
        memory["disableOOMKiller"] = True
    if resources.kernel_memory_tcp_bytes:
        memory["kernelTCP"] = resources.kernel_memory_tcp_bytes
    return memory


def _block_io(resources: Resources) -> dict[str, Any]:
    devices = {
        "weightDevice": _device_limits(resources.blkio_weight_devices, "weight"),
        "throttleReadBpsDevice": _device_limits(resources.blkio_read_bps, "rate"),
        "throttleWriteBpsDevice": _device_limits(resources.blkio_write_bps, "rate"),
        "throttleReadIOPSDevice": _device_limits(resources.blkio_read_iops, "rate"),
        "throttleWriteIOPSDevice": _device_limits(resources.blkio_write_iops, "rate"),
    }
    weight: dict[str, Any] = {"weight": resources.blkio_weight} if resources.blkio_weight else {}
    return weight | {name: limits for name, limits in devices.items() if limits}


def _device_limits(limits: Iterable[DeviceLimit], name: str) -> list[dict[str, int]]:
    """By number, which may be another after each boot of the host. Amount 0 lifts a limit; no device, no limit."""
    found = []
    for limit in limits:
        try:
            major, minor = disk_number(limit.path)
        except Invalid:
            if limit.amount:
                raise
            continue
        found.append({"major": major, "minor": minor, name: limit.amount})
    return found


def _cpu(resources: Resources) -> dict[str, int | str]:
    cpu: dict[str, int | str] = {}
    if resources.nano_cpus:
        cpu |= {"period": _PERIOD_US, "quota": max(resources.nano_cpus * _PERIOD_US // _NANO, _LEAST_QUOTA_US)}
    else:
        cpu |= {"period": resources.cpu_period_us} if resources.cpu_period_us else {}
        cpu |= {"quota": resources.cpu_quota_us} if resources.cpu_quota_us > 0 else {}
    cpu |= {"realtimePeriod": resources.cpu_realtime_period_us} if resources.cpu_realtime_period_us else {}
    cpu |= {"realtimeRuntime": resources.cpu_realtime_runtime_us} if resources.cpu_realtime_runtime_us else {}
    cpu |= {"shares": resources.cpu_shares} if resources.cpu_shares else {}
    cpu |= {"cpus": resources.cpuset_cpus} if resources.cpuset_cpus else {}
    cpu |= {"mems": resources.cpuset_mems} if resources.cpuset_mems else {}
    return cpu


def process_limits(ulimits: Iterable[Ulimit], *, machine: Machine, nofile_soft: int = 0) -> list[dict[str, Any]]:
    """``process.rlimits``, never above our own hard limits: raising is refused inside a user namespace.

    Raises Invalid for an unknown name.
    """
    wanted = {"RLIMIT_CORE": (0, UNLIMITED)}
    if nofile_soft:
        wanted["RLIMIT_NOFILE"] = (nofile_soft, UNLIMITED)
    for ulimit in ulimits:
        name = f"RLIMIT_{ulimit.name.upper()}"
        if name not in machine.rlimits_hard:
            raise Invalid(f"invalid ulimit type: {ulimit.name[:80]}")
        wanted[name] = (ulimit_value(ulimit.soft), ulimit_value(ulimit.hard))
    limits = []
    for name, (soft, hard) in sorted(wanted.items()):
        highest = min(hard, machine.rlimits_hard[name])
        limits.append({"type": name, "soft": min(soft, highest), "hard": highest})
    return limits


def ulimit_value(limit: int) -> int:
    """Docker writes -1 for none."""
    return UNLIMITED if limit < 0 else limit
