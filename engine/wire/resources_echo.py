"""A container's limits as inspect repeats them in ``HostConfig``."""

from typing import Any

from engine.model.resources import DeviceLimit, Resources


def encode_resources(resources: Resources) -> dict[str, Any]:
    """The limits of ``HostConfig``."""
    return {
        "CpuShares": resources.cpu_shares,
        "Memory": resources.memory_bytes,
        "NanoCpus": resources.nano_cpus,
        "BlkioWeight": resources.blkio_weight,
        "BlkioWeightDevice": _devices(resources.blkio_weight_devices, "Weight"),
        "BlkioDeviceReadBps": _devices(resources.blkio_read_bps, "Rate"),
        "BlkioDeviceWriteBps": _devices(resources.blkio_write_bps, "Rate"),
        "BlkioDeviceReadIOps": _devices(resources.blkio_read_iops, "Rate"),
        "BlkioDeviceWriteIOps": _devices(resources.blkio_write_iops, "Rate"),
        "CpuPeriod": resources.cpu_period_us,
        "CpuQuota": resources.cpu_quota_us,
        "CpuRealtimePeriod": resources.cpu_realtime_period_us,
        "CpuRealtimeRuntime": resources.cpu_realtime_runtime_us,
        "CpusetCpus": resources.cpuset_cpus,
        "CpusetMems": resources.cpuset_mems,
        "KernelMemoryTCP": resources.kernel_memory_tcp_bytes,
        "MemoryReservation": resources.memory_reservation_bytes,
        "MemorySwap": resources.memory_swap_bytes,
        "MemorySwappiness": resources.memory_swappiness,
        "OomKillDisable": resources.oom_kill_disable,
        "PidsLimit": resources.pids_limit or None,
        "Ulimits": [{"Name": limit.name, "Hard": limit.hard, "Soft": limit.soft} for limit in resources.ulimits],
    }


def _devices(limits: tuple[DeviceLimit, ...], name: str) -> list[dict[str, str | int]]:
    return [{"Path": limit.path, name: limit.amount} for limit in limits]
