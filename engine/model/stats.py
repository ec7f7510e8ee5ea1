"""What a running container has used, at one moment. Times are CPU time in nanoseconds, counters grow from its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CpuUse:
    """``per_cpu_ns`` is () where the kernel does not tell (cgroup v2). The rest counts the quota's periods."""

    total_ns: int = 0
    user_ns: int = 0
    kernel_ns: int = 0
    per_cpu_ns: tuple[int, ...] = ()
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """``limit_bytes`` is 0 for none. ``details`` is the kernel's own list (memory.stat). v1 alone counts the most ever
    used and how often the limit was hit; 0 elsewhere."""

    usage_bytes: int = 0
    limit_bytes: int = 0
    max_usage_bytes: int = 0
    fail_count: int = 0
    details: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockIo:
    """``operation`` is the kernel's word: Read, Write, Sync, Async, Discard, Total on v1, read and write on v2."""

    major: int
    minor: int
    operation: str
    value: int


@dataclass(frozen=True, slots=True)
class CgroupUse:
    """All that control groups tell. ``operations`` is None where they are not told apart from bytes (v2)."""

    cpu: CpuUse
    memory: MemoryUse
    pids: int
    pids_limit: int
    transferred: tuple[BlockIo, ...] = ()
    operations: tuple[BlockIo, ...] | None = ()


@dataclass(frozen=True, slots=True)
class InterfaceUse:
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """``used_ns`` is all the time that all processors have spent, idling included."""

    used_ns: int
    online: int


@dataclass(frozen=True, slots=True)
class Sample:
    """``interfaces`` by name, without the loopback; empty where the host's network is used."""

    at: datetime
    machine: MachineCpu
    use: CgroupUse
    interfaces: Mapping[str, InterfaceUse]
