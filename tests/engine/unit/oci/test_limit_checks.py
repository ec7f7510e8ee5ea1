"""Limits that a kernel lacks are given up with Docker's warning; what a machine can never do is refused."""

from dataclasses import replace
from typing import Any

import pytest

from engine.host.capabilities import UNLIMITED, Machine
from engine.model.errors import Invalid, Unsupported
from engine.model.resources import DeviceLimit, LimitSupport, Resources, Ulimit
from engine.oci.limit_checks import kept_limits, risk_warnings

MACHINE = Machine(
    bounding=frozenset(),
    rlimits_hard={"RLIMIT_NOFILE": 20000, "RLIMIT_CORE": UNLIMITED},
    oom_score_adj=0,
    cpus=4,
    memory_bytes=8 << 30,
    has_swap_limit=True,
    limits=LimitSupport(cpus="0-2,5", mems="0-1"),
)
DISK = (DeviceLimit("/dev/gone", 100),)


def kept(*, without: str = "", **asked: Any) -> tuple[Resources, list[str]]:
    machine = MACHINE
    if without:
        machine = replace(MACHINE, limits=replace(MACHINE.limits, **_all_false(without)))
    return kept_limits(Resources(**asked), machine=machine)


def _all_false(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, False)


@pytest.mark.parametrize(
    ("without", "asked", "nothing", "words"),
    [
        ("memory", {"memory_bytes": 9}, {"memory_bytes": 0, "memory_swap_bytes": -1}, "memory limit capabilities"),
        (
            "memory_swap",
            {"memory_bytes": 9, "memory_swap_bytes": 18},
            {"memory_swap_bytes": -1},
            "Memory limited without",
        ),
        ("memory_reservation", {"memory_reservation_bytes": 9}, {"memory_reservation_bytes": 0}, "memory soft limit"),
        ("memory_swappiness", {"memory_swappiness": 0}, {"memory_swappiness": None}, "Memory swappiness discarded."),
        ("oom_kill_disable", {"oom_kill_disable": True}, {"oom_kill_disable": False}, "OomKillDisable discarded."),
        ("kernel_memory_tcp", {"kernel_memory_tcp_bytes": 9}, {"kernel_memory_tcp_bytes": 0}, "kernel memory TCP"),
        ("cpu_shares", {"cpu_shares": 9}, {"cpu_shares": 0}, "Shares discarded."),
        ("cpu_cfs", {"cpu_period_us": 9, "cpu_quota_us": 9}, {"cpu_period_us": 0, "cpu_quota_us": 0}, "CPU CFS"),
        (
            "cpuset",
            {"cpuset_cpus": "0", "cpuset_mems": "0"},
            {"cpuset_cpus": "", "cpuset_mems": ""},
            "Cpuset discarded.",
        ),
        ("pids", {"pids_limit": 9}, {"pids_limit": -1}, "PIDs limit discarded."),
        ("blkio_weight", {"blkio_weight": 500}, {"blkio_weight": 0}, "Block I/O weight or"),
        (
            "blkio_weight_device",
            {"blkio_weight_devices": DISK},
            {"blkio_weight_devices": ()},
            "Weight-device discarded.",
        ),
        ("blkio_read_bps", {"blkio_read_bps": DISK}, {"blkio_read_bps": ()}, "Block I/O BPS read limit discarded."),
        ("blkio_write_bps", {"blkio_write_bps": DISK}, {"blkio_write_bps": ()}, "Block I/O BPS write limit discarded."),
        ("blkio_read_iops", {"blkio_read_iops": DISK}, {"blkio_read_iops": ()}, "Block I/O IOPS read limit discarded."),
        (
            "blkio_write_iops",
            {"blkio_write_iops": DISK},
            {"blkio_write_iops": ()},
            "Block I/O IOPS write limit discarded.",
        ),
    ],
)
def test_what_the_kernel_lacks_is_given_up_and_told_once(
    without: str, asked: dict[str, Any], nothing: dict[str, Any], words: str
) -> None:
    limits, warnings = kept(without=without, **asked)
    assert limits == replace(Resources(**asked), **nothing)
    assert [(warning.startswith("Your kernel does not support "), words in warning) for warning in warnings] == [
        (True, True)
    ]
    assert kept(without=without) == (Resources(), [])


def test_what_the_kernel_has_is_kept_without_a_word() -> None:
    asked = Resources(memory_bytes=9, cpu_shares=9, pids_limit=-1, cpuset_cpus="1-2,5", cpuset_mems="1")
    assert kept_limits(asked, machine=MACHINE) == (asked, [])


@pytest.mark.parametrize("cpus", ["3", "0-3", "5-6", "0,4"])
def test_processors_must_be_there(cpus: str) -> None:
    with pytest.raises(Invalid, match=f"Requested CPUs are not available - requested {cpus}, available: 0-2,5"):
        kept(cpuset_cpus=cpus)


@pytest.mark.parametrize("cpus", ["a", "1-", "-1", "2-1", "0-99999999", "1--2", "٣"])
def test_a_list_of_processors_must_be_one(cpus: str) -> None:
    with pytest.raises(Invalid, match="for cpuset cpus"):
        kept(cpuset_cpus=cpus)


def test_more_processors_than_there_are_are_refused() -> None:
    with pytest.raises(Invalid, match=r"Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available"):
        kept(nano_cpus=4_000_000_001)
    with pytest.raises(Invalid, match="NanoCPUs can not be set"):
        kept(without="cpu_cfs", nano_cpus=1)


def test_real_time_is_refused_by_name_where_the_kernel_has_none() -> None:
    with pytest.raises(Unsupported, match=r"CpuRealtimeRuntime.*real-time scheduler"):
        kept(without="cpu_realtime", cpu_realtime_runtime_us=1000)


def test_a_disk_must_be_there_unless_its_limit_is_lifted() -> None:
    with pytest.raises(Invalid, match="BlkioDeviceReadBps: stat /dev/gone"):
        kept(blkio_read_bps=DISK)
    assert kept(blkio_read_bps=(DeviceLimit("/dev/gone", 0),))[1] == []


def test_a_ulimit_above_the_engines_own_is_told_with_both_values() -> None:
    _, warnings = kept(ulimits=(Ulimit("nofile", 100, 30000), Ulimit("core", -1, -1)))
    assert warnings == [
        "Ulimit nofile=100:30000 was lowered to 100:20000: 20000 is the most that the engine may have itself"
    ]
    _, warnings = kept(ulimits=(Ulimit("nofile", -1, -1),))
    assert "nofile=unlimited:unlimited was lowered to 20000:20000" in warnings[0]


def test_killing_switched_off_without_a_limit_is_warned_of() -> None:
    assert "no memory limit is set" in risk_warnings(Resources(oom_kill_disable=True))[0]
    assert risk_warnings(Resources(oom_kill_disable=True, memory_bytes=9)) == []
