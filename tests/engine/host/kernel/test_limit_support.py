"""Which limits a kernel can keep, seen by the files of the engine's own group: trees as kernels make them."""

from pathlib import Path

from engine.host.cgroups import Cgroups
from engine.host.limit_support import limit_support

_UNIFIED = (
    *("memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.weight", "cpuset.cpus", "pids.max", "io.max"),
    *("cgroup.controllers", "cgroup.procs"),
)


def unified(root: Path, *, without: str = "") -> Cgroups:
    for group in (root, root / "naru-x"):
        group.mkdir(exist_ok=True)
        for name in _UNIFIED:
            if name != without:
                (group / name).touch()
        (group / "cpuset.cpus.effective").write_text("0-3,8\n")
        (group / "cpuset.mems.effective").write_text("0\n")
    return Cgroups("naru-x", root=root)


def legacy(root: Path, *files: str) -> Cgroups:
    for file in files:
        controller, _, name = file.partition("/")
        (root / controller / "naru-x").mkdir(parents=True, exist_ok=True)
        (root / controller / "cgroup.procs").touch()
        (root / controller / "naru-x" / name).write_text("0-1\n")
    return Cgroups("naru-x", root=root)


def test_what_the_unified_layout_cannot_limit_is_known(tmp_path: Path) -> None:
    support = limit_support(unified(tmp_path))
    assert (support.memory, support.memory_swap, support.cpu_cfs, support.pids, support.blkio_read_bps) == (True,) * 5
    assert (support.memory_swappiness, support.oom_kill_disable, support.cpu_realtime) == (False,) * 3
    assert not support.blkio_weight, "there is no io.weight"
    assert (support.cpus, support.mems) == ("0-3,8", "0")


def test_a_controller_that_is_not_handed_down_limits_nothing(tmp_path: Path) -> None:
    assert not limit_support(unified(tmp_path, without="io.max")).blkio_write_iops


def test_what_the_legacy_layout_has_is_known(tmp_path: Path) -> None:
    files = ("memory/memory.limit_in_bytes", "cpuset/cpuset.cpus", "cpuset/cpuset.mems", "pids/pids.max")
    support = limit_support(legacy(tmp_path, *files, "blkio/blkio.bfq.weight", "cpu/cpu.rt_runtime_us"))
    assert (support.memory, support.cpuset, support.pids, support.cpu_realtime) == (True,) * 4
    assert (support.memory_swap, support.cpu_cfs, support.oom_kill_disable) == (False,) * 3
    assert not support.blkio_weight, "runtimes do not write BFQ's"
    assert support.cpus == "0-1"
