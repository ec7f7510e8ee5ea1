"""Limits in ``HostConfig``, and in the body of an update: Docker's names, ranges and rules between them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from engine.model.errors import Invalid
from engine.model.resources import DeviceLimit, Resources, Ulimit
from engine.wire.text import check_text, shown

_LEAST_MEMORY: Final = 6 << 20  # moby, daemon/daemon_unix.go, linuxMinMemory
_MOST_DEVICES: Final = 256


class UlimitJson(msgspec.Struct, rename="pascal"):
    name: str = ""
    hard: int = 0
    soft: int = 0


class WeightDeviceJson(msgspec.Struct, rename="pascal"):
    path: str = ""
    weight: int = 0


class ThrottleDeviceJson(msgspec.Struct, rename="pascal"):
    path: str = ""
    rate: int = 0


class ResourcesJson(msgspec.Struct, rename="pascal", kw_only=True):
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    blkio_weight: int = 0
    blkio_weight_device: list[WeightDeviceJson] = []
    blkio_device_read_bps: list[ThrottleDeviceJson] = []
    blkio_device_write_bps: list[ThrottleDeviceJson] = []
    blkio_device_read_iops: list[ThrottleDeviceJson] = msgspec.field(name="BlkioDeviceReadIOps", default=[])
    blkio_device_write_iops: list[ThrottleDeviceJson] = msgspec.field(name="BlkioDeviceWriteIOps", default=[])
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    kernel_memory: int = 0
    kernel_memory_tcp: int = msgspec.field(name="KernelMemoryTCP", default=0)
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: list[UlimitJson] = []
    # of Windows
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = msgspec.field(name="IOMaximumIOps", default=0)
    io_maximum_bandwidth: int = msgspec.field(name="IOMaximumBandwidth", default=0)


def decode_resources(given: ResourcesJson) -> Resources:
    """For a container to be made. Raises Invalid, naming the member or in Docker's words."""
    resources = asked_resources(given, path="HostConfig.")
    check_limits(resources)
    return with_default_swap(resources)


def asked_resources(given: ResourcesJson, *, path: str) -> Resources:
    """What the members say, each in its range; not yet checked against one another."""
    _check_ranges(given, path)
    _refuse_windows(given, path)
    for ulimit in given.ulimits:
        check_text(f"{path}Ulimits", ulimit.name, longest=40)
    swappiness = given.memory_swappiness
    return Resources(
        memory_bytes=given.memory,
        memory_reservation_bytes=given.memory_reservation,
        memory_swap_bytes=given.memory_swap,
        memory_swappiness=None if swappiness == -1 else swappiness,
        oom_kill_disable=bool(given.oom_kill_disable),
        kernel_memory_tcp_bytes=given.kernel_memory_tcp,
        nano_cpus=given.nano_cpus,
        cpu_shares=given.cpu_shares,
        cpu_period_us=given.cpu_period,
        cpu_quota_us=given.cpu_quota,
        cpu_realtime_period_us=given.cpu_realtime_period,
        cpu_realtime_runtime_us=given.cpu_realtime_runtime,
        cpuset_cpus=given.cpuset_cpus,
        cpuset_mems=given.cpuset_mems,
        pids_limit=given.pids_limit or 0,
        blkio_weight=given.blkio_weight,
        blkio_weight_devices=_weights(given.blkio_weight_device, field=f"{path}BlkioWeightDevice"),
        blkio_read_bps=_rates(given.blkio_device_read_bps, field=f"{path}BlkioDeviceReadBps"),
        blkio_write_bps=_rates(given.blkio_device_write_bps, field=f"{path}BlkioDeviceWriteBps"),
        blkio_read_iops=_rates(given.blkio_device_read_iops, field=f"{path}BlkioDeviceReadIOps"),
        blkio_write_iops=_rates(given.blkio_device_write_iops, field=f"{path}BlkioDeviceWriteIOps"),
        ulimits=tuple(Ulimit(ulimit.name, ulimit.soft, ulimit.hard) for ulimit in given.ulimits),
    )


def with_default_swap(resources: Resources) -> Resources:
    """Not said: as much swap as memory, which Docker also shows as if it had been said."""
    if resources.memory_swap_bytes or not resources.memory_bytes:
        return resources
    return replace(resources, memory_swap_bytes=2 * resources.memory_bytes)


def resource_warnings(given: ResourcesJson) -> list[str]:
    """About what is taken and has no effect, here as in Docker since API 1.42."""
    if given.kernel_memory:
        return ["Specifying a kernel memory limit is deprecated: KernelMemory was ignored."]
    return []


def _check_ranges(given: ResourcesJson, path: str) -> None:
    limits = (
        ("Memory", given.memory, 0, 2**62),
        ("MemoryReservation", given.memory_reservation, 0, 2**62),
        ("MemorySwap", given.memory_swap, -1, 2**62),
        ("KernelMemoryTCP", given.kernel_memory_tcp, 0, 2**62),
        ("NanoCpus", given.nano_cpus, 0, 2**62),
        ("CpuShares", given.cpu_shares, 0, 2**18),
        ("CpuPeriod", given.cpu_period, 0, 1_000_000),
        ("CpuQuota", given.cpu_quota, -1, 2**53),
        ("CpuRealtimePeriod", given.cpu_realtime_period, 0, 2**31),
        ("CpuRealtimeRuntime", given.cpu_realtime_runtime, 0, 2**31),
        ("BlkioWeight", given.blkio_weight, 0, 1000),
        ("PidsLimit", given.pids_limit or 0, -1, 4 << 20),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise Invalid(f"{path}{name}: {value} is out of range, it must be from {least} to {most}")


def _refuse_windows(given: ResourcesJson, path: str) -> None:
    if given.io_maximum_iops or given.io_maximum_bandwidth:
        name = "IOMaximumIOps" if given.io_maximum_iops else "IOMaximumBandwidth"
        raise Invalid(
            f"{path}{name}: Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps"
        )
    for name, value in (("CpuCount", given.cpu_count), ("CpuPercent", given.cpu_percent)):
        if value:
            raise Invalid(f"{path}{name}: linux does not support {name}, which is for Windows; use NanoCpus")


def check_limits(given: Resources) -> None:
    """Limits against each other, in Docker's words (daemon/daemon_unix.go, verifyPlatformContainerResources)."""
    for refused, why in (*_memory_rules(given), *_cpu_rules(given), *_other_rules(given)):
        if refused:
            raise Invalid(why)


def _memory_rules(given: Resources) -> Sequence[tuple[bool, str]]:
    memory, swap, reservation = given.memory_bytes, given.memory_swap_bytes, given.memory_reservation_bytes
    swappiness = given.memory_swappiness
    return (
        (0 < memory < _LEAST_MEMORY, "Minimum memory limit allowed is 6MB"),
        (swap > 0 and not memory, "You should always set the Memory limit when using Memoryswap limit, see usage"),
        (0 < swap < memory, "Minimum memoryswap limit should be larger than memory limit, see usage"),
        (0 < reservation < _LEAST_MEMORY, "Minimum memory reservation allowed is 6MB"),
        (
            bool(memory) and reservation > memory,
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        (
            swappiness is not None and not 0 <= swappiness <= 100,
            f"Invalid value: {swappiness}, valid memory swappiness range is 0-100",
        ),
    )


def _cpu_rules(given: Resources) -> Sequence[tuple[bool, str]]:
    return (
        (
            bool(given.nano_cpus and given.cpu_period_us),
            "Conflicting options: Nano CPUs and CPU Period cannot both be set",
        ),
        (
            bool(given.nano_cpus and given.cpu_quota_us > 0),
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        ),
        (
            0 < given.cpu_period_us < 1000,
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        (0 < given.cpu_quota_us < 1000, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        (
            0 < given.cpu_realtime_period_us < given.cpu_realtime_runtime_us,
            "cpu real-time runtime cannot be higher than cpu real-time period",
        ),
    )


def _other_rules(given: Resources) -> Sequence[tuple[bool, str]]:
    return (
        (0 < given.blkio_weight < 10, "Range of blkio weight is from 10 to 1000"),
        *(
            (
                -1 < ulimit.hard < ulimit.soft,
                f"ulimit {shown(ulimit.name)}: soft limit must be less than or equal to hard limit",
            )
            for ulimit in given.ulimits
        ),
    )


def _weights(given: Sequence[WeightDeviceJson], *, field: str) -> tuple[DeviceLimit, ...]:
    for device in given:
        if device.weight and not 10 <= device.weight <= 1000:
            raise Invalid(f"{field}: Range of blkio weight is from 10 to 1000, not {device.weight}")
    return _devices([DeviceLimit(device.path, device.weight) for device in given], field=field)


def _rates(given: Sequence[ThrottleDeviceJson], *, field: str) -> tuple[DeviceLimit, ...]:
    for device in given:
        if not 0 <= device.rate < 2**63:
            raise Invalid(f"{field}: the rate {device.rate} is out of range")
    return _devices([DeviceLimit(device.path, device.rate) for device in given], field=field)


def _devices(found: Sequence[DeviceLimit], *, field: str) -> tuple[DeviceLimit, ...]:
    if len(found) > _MOST_DEVICES:
        raise Invalid(f"{field}: more than {_MOST_DEVICES} devices")
    for device in found:
        check_text(field, device.path, longest=4096)
        if not device.path.startswith("/"):
            raise Invalid(f"{field}: {shown(device.path)} is not the absolute path of a device")
    return tuple(found)
