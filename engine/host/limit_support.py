"""Which limits this kernel can keep: seen by the files that the engine's own control group has."""

import os
from pathlib import Path

from engine.host.cgroups import Cgroups
from engine.model.resources import LimitSupport


def limit_support(cgroups: Cgroups) -> LimitSupport:
    """Read once, after ``cgroups.prepare()``. Blocks for a moment."""
    return _unified(cgroups) if cgroups.unified else _legacy(cgroups)


def _legacy(cgroups: Cgroups) -> LimitSupport:
    """Weights are those of the CFQ scheduler: that runtimes also write BFQ's began after crun 1.8."""

    def has(controller: str, name: str) -> bool:
        group = cgroups.parent_directory(controller)
        return group is not None and (group / name).exists()

    return LimitSupport(
        memory=has("memory", "memory.limit_in_bytes"),
        memory_swap=has("memory", "memory.memsw.limit_in_bytes"),
        memory_reservation=has("memory", "memory.soft_limit_in_bytes"),
        memory_swappiness=has("memory", "memory.swappiness"),
        oom_kill_disable=has("memory", "memory.oom_control"),
        kernel_memory_tcp=has("memory", "memory.kmem.tcp.limit_in_bytes"),
        cpu_shares=has("cpu", "cpu.shares"),
        cpu_cfs=has("cpu", "cpu.cfs_quota_us"),
        cpu_realtime=has("cpu", "cpu.rt_runtime_us"),
        cpuset=has("cpuset", "cpuset.cpus"),
        cpus=_listed(cgroups.parent_directory("cpuset"), "cpuset.effective_cpus", "cpuset.cpus") or _all_cpus(),
        mems=_listed(cgroups.parent_directory("cpuset"), "cpuset.effective_mems", "cpuset.mems") or "0",
        pids=has("pids", "pids.max"),
        blkio_weight=has("blkio", "blkio.weight"),
        blkio_weight_device=has("blkio", "blkio.weight_device"),
        blkio_read_bps=has("blkio", "blkio.throttle.read_bps_device"),
        blkio_write_bps=has("blkio", "blkio.throttle.write_bps_device"),
        blkio_read_iops=has("blkio", "blkio.throttle.read_iops_device"),
        blkio_write_iops=has("blkio", "blkio.throttle.write_iops_device"),
    )


def _unified(cgroups: Cgroups) -> LimitSupport:
    """There is no swappiness, no way to switch the kernel's killing off, no limit on TCP memory and no real time."""
    group = cgroups.parent_directory("")

    def has(*names: str) -> bool:
        return group is not None and any((group / name).exists() for name in names)

    throttles = has("io.max")
    weighs = has("io.weight", "io.bfq.weight")
    return LimitSupport(
        memory=has("memory.max"),
        memory_swap=has("memory.swap.max"),
        memory_reservation=has("memory.low"),
        memory_swappiness=False,
        oom_kill_disable=False,
        kernel_memory_tcp=False,
        cpu_shares=has("cpu.weight"),
        cpu_cfs=has("cpu.max"),
        cpu_realtime=False,
        cpuset=has("cpuset.cpus"),
        cpus=_listed(group, "cpuset.cpus.effective") or _all_cpus(),
        mems=_listed(group, "cpuset.mems.effective") or "0",
        pids=has("pids.max"),
        blkio_weight=weighs,
        blkio_weight_device=weighs,
        blkio_read_bps=throttles,
        blkio_write_bps=throttles,
        blkio_read_iops=throttles,
        blkio_write_iops=throttles,
    )


def _listed(group: Path | None, *names: str) -> str:
    """The first of these files that says anything."""
    for name in names if group is not None else ():
        path = Path(f"{group}/{name}")
        if path.exists() and (text := path.read_text().strip()):
            return text
    return ""


def _all_cpus() -> str:
    count = os.cpu_count() or 1
    return "0" if count == 1 else f"0-{count - 1}"
