"""Control groups of both layouts: the host's own, and directories that look like the other."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine.host.cgroups import Cgroups
from engine.model.errors import Unavailable


@pytest.mark.host
def test_processes_are_found_killed_and_their_groups_removed() -> None:
    cgroups = Cgroups(f"naru-test-{os.getpid()}")
    if cgroups.unified:
        pytest.skip("written for the legacy layout, where a group needs no runtime")
    cgroups.prepare()
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        group = cgroups.directory("box", "pids")
        (group / "inner").mkdir(parents=True)
        (group / "inner" / "cgroup.procs").write_text(str(sleeper.pid))
        cgroups.prewarm()
        assert cgroups.pids("box") == [sleeper.pid]
        cgroups.kill_all("box")
        assert sleeper.wait() == -signal.SIGKILL
    finally:
        sleeper.kill()
        sleeper.wait()
        cgroups.remove("box")
        cgroups.remove("box")
        cgroups.remove_parent()
    assert not group.parent.exists()


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """What cgroup2 looks like, without its behaviour."""
    for group in (tmp_path, tmp_path / "naru-x", tmp_path / "naru-x" / "box"):
        group.mkdir(exist_ok=True)
        (group / "cgroup.controllers").write_text("cpu memory pids\n")
        (group / "cgroup.subtree_control").write_text("")
        (group / "cgroup.procs").write_text("")
    return tmp_path


def test_the_unified_layout_is_one_tree(unified: Path) -> None:
    cgroups = Cgroups("naru-x", root=unified)
    assert cgroups.unified
    assert cgroups.directory("box", "memory") == cgroups.directory("box", "pids") == unified / "naru-x" / "box"
    assert cgroups.path("box") == "/naru-x/box"


def test_controllers_are_handed_down(unified: Path) -> None:
    Cgroups("naru-x", root=unified).prepare()
    assert (unified / "naru-x" / "cgroup.subtree_control").read_text() == "+pids"  # the last one written stays, here


def test_memory_kills_are_counted_in_both_layouts(unified: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (unified / "naru-x" / "box" / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert Cgroups("naru-x", root=unified).oom_kills("box") == 2
    legacy = tmp_path_factory.mktemp("legacy")
    group = legacy / "memory" / "naru-x" / "box"
    group.mkdir(parents=True)
    (legacy / "memory" / "cgroup.procs").touch()
    (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
    assert Cgroups("naru-x", root=legacy).oom_kills("box") == 4
    assert Cgroups("naru-x", root=legacy).oom_kills("gone") == 0


def test_a_host_without_control_groups_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no control groups"):
        Cgroups("naru-x", root=tmp_path)
