"""``GET /containers/{id}/stats``: a sample and the one before it, as Docker words them (api/types/stats.go)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from engine.model.stats import BlockIo, CpuUse, MachineCpu, MemoryUse, Sample
from engine.wire.times import timestamp

# kept by kernels that had the CFQ scheduler (until 5.0): there the lists are empty, with v2 they are null
_PAST_LISTS: Final = (
    "io_queue_recursive",
    "io_service_time_recursive",
    "io_wait_time_recursive",
    "io_merged_recursive",
    "io_time_recursive",
    "sectors_recursive",
)


def encode_stats(
    now: Sample | None, before: Sample | None, *, container_id: str, name: str, machine_memory_bytes: int
) -> dict[str, Any]:
    """``now`` is None while the container does not run, ``before`` for the first answer: those members are 0 or absent.

    A container without a memory limit is shown with the machine's memory, by which clients compute a percentage.
    """
    answer = {
        "read": timestamp(now.at if now else None),
        "preread": timestamp(before.at if before else None),
        "pids_stats": _pids(now),
        "blkio_stats": _block_io(now),
        "num_procs": 0,  # of Windows
        "storage_stats": {},  # as well
        "cpu_stats": _cpu(now),
        "precpu_stats": _cpu(before),
        "memory_stats": _memory(now.use.memory, machine_memory_bytes) if now else {},
        "name": f"/{name}",
        "id": container_id,
    }
    if now and now.interfaces:
        answer["networks"] = {interface: asdict(use) for interface, use in now.interfaces.items()}
    return answer


def _pids(now: Sample | None) -> dict[str, int]:
    if now is None:
        return {}
    return {"current": now.use.pids} | ({"limit": now.use.pids_limit} if now.use.pids_limit else {})


def _cpu(sample: Sample | None) -> dict[str, Any]:
    use = sample.use.cpu if sample else CpuUse()
    usage: dict[str, Any] = {"total_usage": use.total_ns}
    if use.per_cpu_ns:
        usage["percpu_usage"] = list(use.per_cpu_ns)
    usage |= {"usage_in_kernelmode": use.kernel_ns, "usage_in_usermode": use.user_ns}
    return {
        "cpu_usage": usage,
        **(_machine(sample.machine) if sample else {}),
        "throttling_data": {
            "periods": use.periods,
            "throttled_periods": use.throttled_periods,
            "throttled_time": use.throttled_ns,
        },
    }


def _machine(machine: MachineCpu) -> dict[str, int]:
    return {"system_cpu_usage": machine.used_ns, "online_cpus": machine.online}


def _memory(use: MemoryUse, machine_bytes: int) -> dict[str, Any]:
    limit = use.limit_bytes if 0 < use.limit_bytes < machine_bytes else machine_bytes
    return {
        "usage": use.usage_bytes,
        **({"max_usage": use.max_usage_bytes} if use.max_usage_bytes else {}),
        "stats": dict(use.details),
        **({"failcnt": use.fail_count} if use.fail_count else {}),
        "limit": limit,
    }


def _block_io(now: Sample | None) -> dict[str, Any]:
    is_told_apart = now is not None and now.use.operations is not None
    return {
        "io_service_bytes_recursive": _entries(now.use.transferred) if now else None,
        "io_serviced_recursive": _entries(now.use.operations) if now else None,
        **{name: [] if is_told_apart else None for name in _PAST_LISTS},
    }


def _entries(entries: Sequence[BlockIo] | None) -> list[dict[str, Any]] | None:
    if entries is None:
        return None
    return [{"major": one.major, "minor": one.minor, "op": one.operation, "value": one.value} for one in entries]
