"""Limits in ``HostConfig``: Docker's names, ranges and rules between them."""

from typing import Final

import msgspec

from engine.model.errors import Invalid
from engine.model.resources import Resources, Ulimit
from engine.wire.text import shown

_LEAST_MEMORY: Final = 6 << 20  # moby, daemon/daemon_unix.go, linuxMinMemory


class UlimitJson(msgspec.Struct, rename="pascal"):
    name: str = ""
    hard: int = 0
    soft: int = 0


class ResourcesJson(msgspec.Struct, rename="pascal", kw_only=True):
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    blkio_weight: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    memory_reservation: int = 0
    memory_swap: int = 0
    pids_limit: int = 0
    ulimits: list[UlimitJson] = []


def decode_resources(given: ResourcesJson) -> Resources:
    limits = (
        ("Memory", given.memory, 0, 2**62),
        ("MemoryReservation", given.memory_reservation, 0, 2**62),
        ("MemorySwap", given.memory_swap, -1, 2**62),
        ("NanoCpus", given.nano_cpus, 0, 2**62),
        ("CpuShares", given.cpu_shares, 0, 2**18),
        ("CpuPeriod", given.cpu_period, 0, 1_000_000),
        ("CpuQuota", given.cpu_quota, -1, 2**53),
        ("BlkioWeight", given.blkio_weight, 0, 1000),
        ("PidsLimit", given.pids_limit, -1, 4 << 20),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise Invalid(f"HostConfig.{name}: {value} is out of range, it must be from {least} to {most}")
    _check_limits(given)
    return Resources(
        memory_bytes=given.memory,
        memory_reservation_bytes=given.memory_reservation,
        # not said: as much swap as memory, which Docker also shows as if it had been said
        memory_swap_bytes=given.memory_swap or 2 * given.memory,
        nano_cpus=given.nano_cpus,
        cpu_shares=given.cpu_shares,
        cpu_period_us=given.cpu_period,
        cpu_quota_us=given.cpu_quota,
        cpuset_cpus=given.cpuset_cpus,
        cpuset_mems=given.cpuset_mems,
        pids_limit=given.pids_limit,
        blkio_weight=given.blkio_weight,
        ulimits=tuple(Ulimit(ulimit.name, ulimit.soft, ulimit.hard) for ulimit in given.ulimits),
    )


def _check_limits(given: ResourcesJson) -> None:
    """Limits against each other, in Docker's words (daemon/daemon_unix.go, verifyPlatformContainerResources)."""
    memory, swap = given.memory, given.memory_swap
    refusals = (
        (0 < memory < _LEAST_MEMORY, "Minimum memory limit allowed is 6MB"),
        (swap > 0 and not memory, "You should always set the Memory limit when using Memoryswap limit, see usage"),
        (0 < swap < memory, "Minimum memoryswap limit should be larger than memory limit, see usage"),
        (
            bool(memory) and given.memory_reservation > memory,
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        (
            bool(given.nano_cpus and (given.cpu_period or given.cpu_quota)),
            "Conflicting options: Nano CPUs and CPU period or quota cannot both be set",
        ),
        (
            0 < given.cpu_period < 1000,
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        (0 < given.cpu_quota < 1000, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        (0 < given.blkio_weight < 10, "Range of blkio weight is from 10 to 1000"),
        *(
            (
                -1 < ulimit.hard < ulimit.soft,
                f"ulimit {shown(ulimit.name)}: soft limit must be less than or equal to hard limit",
            )
            for ulimit in given.ulimits
        ),
    )
    for refused, why in refusals:
        if refused:
            raise Invalid(why)
