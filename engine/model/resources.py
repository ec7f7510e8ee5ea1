"""Limits on what a container may use, and which of them a machine can keep."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class DeviceLimit:
    """``path`` is a block device of the host. ``amount`` is a weight, or bytes or operations per second."""

    path: str
    amount: int


@dataclass(frozen=True, slots=True)
class Resources:
    """0 means "not limited" throughout, as in Docker's API; ``memory_swap_bytes`` -1 means unlimited swap
    and is memory plus swap together. ``nano_cpus`` is CPUs times 10^9. ``pids_limit`` 0 leaves it to the profile,
    -1 is unlimited. ``memory_swappiness`` None is the host's."""

    memory_bytes: int = 0
    memory_reservation_bytes: int = 0
    memory_swap_bytes: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    kernel_memory_tcp_bytes: int = 0
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpu_realtime_period_us: int = 0
    cpu_realtime_runtime_us: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids_limit: int = 0
    blkio_weight: int = 0
    blkio_weight_devices: tuple[DeviceLimit, ...] = ()
    blkio_read_bps: tuple[DeviceLimit, ...] = ()
    blkio_write_bps: tuple[DeviceLimit, ...] = ()
    blkio_read_iops: tuple[DeviceLimit, ...] = ()
    blkio_write_iops: tuple[DeviceLimit, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitSupport:
    """What the kernel can keep. ``cpus`` and ``mems`` are the available ones, as the kernel lists them: "0-3,8"."""

    memory: bool = True
    memory_swap: bool = True
    memory_reservation: bool = True
    memory_swappiness: bool = True
    oom_kill_disable: bool = True
    kernel_memory_tcp: bool = True
    cpu_shares: bool = True
    cpu_cfs: bool = True
    cpu_realtime: bool = True
    cpuset: bool = True
    cpus: str = "0"
    mems: str = "0"
    pids: bool = True
    blkio_weight: bool = True
    blkio_weight_device: bool = True
    blkio_read_bps: bool = True
    blkio_write_bps: bool = True
    blkio_read_iops: bool = True
    blkio_write_iops: bool = True
