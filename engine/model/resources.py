"""Limits on what a container may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Resources:
    """0 means "not limited" throughout, as in Docker's API; ``memory_swap_bytes`` -1 means unlimited swap
    and is memory plus swap together. ``nano_cpus`` is CPUs times 10^9."""

    memory_bytes: int = 0
    memory_reservation_bytes: int = 0
    memory_swap_bytes: int = 0
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids_limit: int = 0
    blkio_weight: int = 0
    ulimits: tuple[Ulimit, ...] = ()
