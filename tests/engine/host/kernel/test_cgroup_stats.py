"""Control groups read in both layouts: trees as kernels write them, and this host's own."""

import os
from pathlib import Path

import pytest

from engine.host.cgroup_stats import read_use
from engine.host.cgroups import Cgroups
from engine.host.machine_stats import machine_cpu, parse_interfaces
from engine.model.errors import Missing
from engine.model.stats import BlockIo, CpuUse, InterfaceUse

# of a container on Linux 6.1, cgroup2 with all controllers
_UNIFIED = {
    "cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
    "cgroup.procs": "4242\n",
    "cpu.stat": "usage_usec 2957096\nuser_usec 2000000\nsystem_usec 957096\ncore_sched.force_idle_usec 0\n"
    "nr_periods 40\nnr_throttled 12\nthrottled_usec 350000\nnr_bursts 0\nburst_usec 0\n",
    "cpu.max": "20000 100000\n",
    "cpu.weight": "100\n",
    "cpuset.cpus": "\n",
    "cpuset.cpus.effective": "0-3,8\n",
    "cpuset.mems.effective": "0\n",
    "memory.current": "6549504\n",
    "memory.max": "67108864\n",
    "memory.low": "0\n",
    "memory.swap.max": "67108864\n",
    "memory.stat": "anon 4153344\nfile 1216512\nkernel 1105920\nkernel_stack 16384\ninactive_anon 4149248\n"
    "active_anon 4096\ninactive_file 811008\nactive_file 405504\npgfault 1157\npgmajfault 3\n",
    "memory.events": "low 0\nhigh 0\nmax 24\noom 2\noom_kill 2\noom_group_kill 0\n",
    "io.stat": "8:0 rbytes=1531904 wbytes=4096 rios=61 wios=1 dbytes=0 dios=0\n7:1 \n"
    "253:0 rbytes=4096 wbytes=0 rios=1 wios=0\n",
    "io.max": "8:0 rbps=1048576 wbps=max riops=max wiops=max\n",
    "pids.current": "3\n",
    "pids.max": "2048\n",
}
# of one on Linux 5.10 with controllers mounted one by one
_LEGACY = {
    "cpuacct/cpuacct.usage_percpu": "10044337 19526623 \n",
    "cpuacct/cpuacct.stat": "user 1\nsystem 2\n",
    "cpu/cpu.stat": "nr_periods 5\nnr_throttled 1\nthrottled_time 40000000\n",
    "memory/memory.usage_in_bytes": "319488\n",
    "memory/memory.max_usage_in_bytes": "4132864\n",
    "memory/memory.failcnt": "7\n",
    "memory/memory.stat": "cache 0\nrss 53248\ntotal_inactive_file 12\nhierarchical_memory_limit 9223372036854771712\n",
    "blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 0\n8:0 Sync 4096\n8:0 Async 0\n"
    "8:0 Discard 0\n8:0 Total 4096\nTotal 4096\n",
    "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Total 1\nTotal 1\n",
    "pids/pids.current": "1\n",
    "pids/pids.max": "max\n",
}


@pytest.fixture
def unified(tmp_path: Path) -> Cgroups:
    for group in (tmp_path, tmp_path / "naru-x", tmp_path / "naru-x" / "box"):
        group.mkdir(exist_ok=True)
        for name, text in _UNIFIED.items():
            (group / name).write_text(text)
    return Cgroups("naru-x", root=tmp_path)


@pytest.fixture
def legacy(tmp_path: Path) -> Cgroups:
    for name, text in _LEGACY.items():
        controller, _, file = name.partition("/")
        (tmp_path / controller / "naru-x" / "box").mkdir(parents=True, exist_ok=True)
        (tmp_path / controller / "cgroup.procs").touch()
        (tmp_path / controller / "naru-x" / "box" / file).write_text(text)
    return Cgroups("naru-x", root=tmp_path)


def test_the_unified_layout_tells_all_but_single_processors_and_the_most_used(unified: Cgroups) -> None:
    use = read_use(unified, "box")
    assert use.cpu == CpuUse(2957096000, 2000000000, 957096000, (), 40, 12, 350000000)
    assert (use.memory.usage_bytes, use.memory.limit_bytes) == (6549504, 64 << 20)
    assert (use.memory.max_usage_bytes, use.memory.fail_count) == (0, 0)
    assert (use.memory.details["inactive_file"], use.memory.details["pgmajfault"]) == (811008, 3)
    assert (use.pids, use.pids_limit) == (3, 2048)


def test_the_unified_layouts_disks_are_read_and_written(unified: Cgroups) -> None:
    use = read_use(unified, "box")
    assert use.transferred == (
        *(BlockIo(8, 0, "read", 1531904), BlockIo(8, 0, "write", 4096)),
        *(BlockIo(253, 0, "read", 4096), BlockIo(253, 0, "write", 0)),
    )
    assert use.operations is None


def test_no_limit_is_zero_in_the_unified_layout(unified: Cgroups) -> None:
    for name in ("memory.max", "pids.max"):
        (unified.directory("box", "") / name).write_text("max\n")
    use = read_use(unified, "box")
    assert (use.memory.limit_bytes, use.pids_limit) == (0, 0)


def test_a_controller_that_is_not_handed_down_counts_nothing(unified: Cgroups) -> None:
    for path in unified.directory("box", "").glob("io.*"):
        path.unlink()
    assert read_use(unified, "box").transferred == ()


def test_the_legacy_layout_tells_single_processors_too(legacy: Cgroups) -> None:
    use = read_use(legacy, "box")
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert use.cpu == CpuUse(29570960, tick, 2 * tick, (10044337, 19526623), 5, 1, 40000000)
    assert (use.memory.max_usage_bytes, use.memory.fail_count, use.memory.limit_bytes) == (4132864, 7, 0)
    assert (use.pids, use.pids_limit) == (1, 0)
    assert [entry.operation for entry in use.transferred] == ["Read", "Write", "Sync", "Async", "Discard", "Total"]
    assert use.operations == (BlockIo(8, 0, "Read", 1), BlockIo(8, 0, "Total", 1))


def test_a_container_that_is_gone_is_missing_in_both(
    unified: Cgroups, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(Missing):
        read_use(unified, "gone")
    root = tmp_path_factory.mktemp("legacy")
    (root / "memory" / "cgroup.procs").parent.mkdir()
    (root / "memory" / "cgroup.procs").touch()
    with pytest.raises(Missing):
        read_use(Cgroups("naru-x", root=root), "gone")


def test_interfaces_are_counted_without_the_loopback() -> None:
    text = (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls\n"
        "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
        "  eth0:15720 166 1 2 0 0 0 0 20048 95 3 4 0 0 0 0\n"
    )
    assert parse_interfaces(text) == {"eth0": InterfaceUse(15720, 166, 1, 2, 20048, 95, 3, 4)}


def test_the_machines_processors_are_counted() -> None:
    first = machine_cpu()
    assert first.online == len(os.sched_getaffinity(0)) or first.online >= 1
    assert machine_cpu().used_ns >= first.used_ns > 0
