"""Limits hold: what was set is what is measured, in the container and in its control group."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until

pytestmark = pytest.mark.host
V1_ONLY = pytest.mark.skipif(Path("/sys/fs/cgroup/cgroup.controllers").exists(), reason="a limit of cgroup v1")


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    """One for all: no test here depends on what another left."""
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


def run(engine: RunningEngine, *words: str) -> str:
    return engine.out("run", "--rm", *words)


def state(engine: RunningEngine, name: str, field: str) -> str:
    return engine.out("inspect", "--format", "{{.State." + field + "}}", name)


def control(engine: RunningEngine, name: str, legacy: str, unified: str) -> str:
    """A control file of a running container, by its path below the layout's root."""
    container_id = engine.out("inspect", "--format", "{{.Id}}", name)
    controller, _, file = legacy.partition("/")
    old = Path("/sys/fs/cgroup") / controller / engine.cgroup_parent / container_id / file
    path = old if old.exists() else Path("/sys/fs/cgroup") / engine.cgroup_parent / container_id / unified
    return path.read_text().strip()


def created(engine: RunningEngine, host_config: str) -> dict[str, Any]:
    """The answer to a create request, with its status."""
    body = f'{{"Image": "{IMAGE}", "Cmd": ["true"], "HostConfig": {host_config}}}'
    return ask(engine, "POST", "/containers/create", body)


def ask(engine: RunningEngine, method: str, path: str, body: str = "") -> dict[str, Any]:
    answer = Client(engine.socket).ask(method, path, body.encode() if body else None)
    return {"status": answer.status, **(answer.json or {})}


def events(engine: RunningEngine, name: str) -> list[str]:
    lines = engine.out("events", "--since", "1", "--until", str(time.time()), "--filter", f"container={name}")
    return [match[1] for line in lines.splitlines() if (match := re.search(r" container (\S+) ", line))]


def test_a_program_beyond_its_memory_is_killed_and_it_is_told(engine: RunningEngine) -> None:
    done = engine.docker("run", "--name", "hog", "-m", "32m", IMAGE, "tail", "/dev/zero", check=False)
    assert done.returncode == 137
    assert (state(engine, "hog", "OOMKilled"), state(engine, "hog", "ExitCode")) == ("true", "137")
    assert events(engine, "hog")[-2:] == ["oom", "die"]
    engine.docker("start", "hog")
    engine.docker("wait", "hog")
    assert events(engine, "hog").count("oom") == 2
    engine.docker("rm", "hog")


def test_a_child_killed_for_memory_is_told_while_the_container_lives_on(engine: RunningEngine) -> None:
    script = "tail /dev/zero; echo first; tail /dev/zero; echo second; exec sleep 1000"
    engine.docker("run", "-d", "--name", "survivor", "-m", "32m", IMAGE, "sh", "-c", script)
    wait_until(lambda: "second" in engine.out("logs", "survivor"))
    wait_until(lambda: events(engine, "survivor").count("oom") == 2, what="two kills are two events")
    assert (state(engine, "survivor", "OOMKilled"), state(engine, "survivor", "Running")) == ("true", "true")
    engine.docker("kill", "survivor")
    assert state(engine, "survivor", "OOMKilled") == "true"
    assert events(engine, "survivor").count("oom") == 2, "its end was no kill for memory"
    engine.docker("start", "survivor")
    engine.docker("rm", "-f", "survivor")


def test_a_killed_container_without_memory_trouble_is_not_said_to_have_had_any(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "plain", "-m", "32m", IMAGE, "sleep", "1000")
    engine.docker("kill", "plain")
    assert (state(engine, "plain", "OOMKilled"), state(engine, "plain", "ExitCode")) == ("false", "137")
    assert "oom" not in events(engine, "plain")
    engine.docker("rm", "plain")


def test_a_kill_for_memory_that_no_engine_saw_is_told_by_the_next(engine: RunningEngine) -> None:
    script = "while [ ! -e /go ]; do sleep 0.05; done; tail /dev/zero; echo over; exec sleep 1000"
    engine.docker("run", "-d", "--name", "unseen", "-m", "32m", IMAGE, "sh", "-c", script)
    pid, engine_id = state(engine, "unseen", "Pid"), engine.out("inspect", "--format", "{{.Id}}", "unseen")
    engine.kill()
    Path(f"/proc/{pid}/root/go").touch()
    logs = engine.data_root / "containers" / engine_id
    wait_until(lambda: any(b"over" in path.read_bytes() for path in logs.rglob("log/*") if path.is_file()))
    engine.start()
    wait_until(lambda: state(engine, "unseen", "OOMKilled") == "true")
    assert events(engine, "unseen").count("oom") == 1
    engine.kill()
    engine.start()
    engine.docker("kill", "unseen")
    assert "oom" not in events(engine, "unseen"), "an engine tells it again"
    engine.docker("rm", "unseen")


def test_memory_and_swap_are_what_was_set(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "mem", "-m", "64m", "--memory-reservation", "32m", IMAGE, "sleep", "1000")
    assert control(engine, "mem", "memory/memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert control(engine, "mem", "memory/memory.soft_limit_in_bytes", "memory.low") == str(32 << 20)
    swap = control(engine, "mem", "memory/memory.memsw.limit_in_bytes", "memory.swap.max")
    assert int(swap) in (128 << 20, 64 << 20)  # v1 counts memory in, v2 does not
    engine.docker("rm", "-f", "mem")


def test_unlimited_swap_is_no_limit(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "swap", "-m", "64m", "--memory-swap", "-1", IMAGE, "sleep", "1000")
    swap = control(engine, "swap", "memory/memory.memsw.limit_in_bytes", "memory.swap.max")
    assert swap == "max" or int(swap) > 1 << 60
    assert engine.out("inspect", "--format", "{{.HostConfig.MemorySwap}}", "swap") == "-1"
    engine.docker("rm", "-f", "swap")


@V1_ONLY
def test_swappiness_and_the_kernels_killing_are_what_was_set(engine: RunningEngine) -> None:
    words = ("-m", "64m", "--memory-swappiness", "0", "--oom-kill-disable")
    engine.docker("run", "-d", "--name", "swappy", *words, IMAGE, "sleep", "1000")
    assert control(engine, "swappy", "memory/memory.swappiness", "") == "0"
    assert "oom_kill_disable 1" in control(engine, "swappy", "memory/memory.oom_control", "")
    echo = engine.out(
        "inspect", "--format", "{{.HostConfig.MemorySwappiness}} {{.HostConfig.OomKillDisable}}", "swappy"
    )
    assert echo == "0 true"
    engine.docker("rm", "-f", "swappy")


def test_no_more_processes_than_allowed(engine: RunningEngine) -> None:
    """A shell gives up when it cannot fork; what it has started by then goes on."""
    script = "(for i in $(seq 200); do sleep 1000 & done) 2>/dev/null; exec sleep 1000"
    engine.docker("run", "-d", "--name", "forks", "--pids-limit", "64", IMAGE, "sh", "-c", script)
    wait_until(lambda: "max 0" not in control(engine, "forks", "pids/pids.events", "pids.events"), what="a fork fails")
    assert 60 <= int(control(engine, "forks", "pids/pids.current", "pids.current")) <= 64
    engine.docker("rm", "-f", "forks")


@pytest.mark.parametrize(
    ("words", "limit"), [((), "2048"), (("--pids-limit", "0"), "2048"), (("--pids-limit", "-1"), "max")]
)
def test_processes_are_limited_unless_unlimited_is_asked_for(
    engine: RunningEngine, words: tuple[str, ...], limit: str
) -> None:
    engine.docker("run", "-d", "--name", "pids", *words, IMAGE, "sleep", "1000")
    assert control(engine, "pids", "pids/pids.max", "pids.max") == limit
    engine.docker("rm", "-f", "pids")


def test_a_fifth_of_a_processor_is_a_fifth(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "slow", "--cpus", ".2", IMAGE, "sh", "-c", "while :; do :; done")
    began, before = time.monotonic(), used_ns(engine, "slow")
    wait_until(lambda: time.monotonic() - began > 1.5)
    used = (used_ns(engine, "slow") - before) / 1e9 / (time.monotonic() - began)
    assert used < 0.25, f"{used:.2f} processors were used"
    engine.docker("rm", "-f", "slow")


def used_ns(engine: RunningEngine, name: str) -> int:
    used = control(engine, name, "cpuacct/cpuacct.usage", "cpu.stat").split()
    return int(used[0]) if len(used) == 1 else int(used[1]) * 1000  # v2: "usage_usec 2957096\n…"


@pytest.mark.parametrize(
    ("words", "legacy", "unified", "value"),
    [
        (("--cpu-shares", "512"), "cpu/cpu.shares", "cpu.weight", ("512", "20")),
        (
            ("--cpu-period", "50000", "--cpu-quota", "20000"),
            "cpu/cpu.cfs_quota_us",
            "cpu.max",
            ("20000", "20000 50000"),
        ),
        (("--cpu-quota", "-1"), "cpu/cpu.cfs_quota_us", "cpu.max", ("-1", "max 100000")),
        (("--cpuset-cpus", "0"), "cpuset/cpuset.cpus", "cpuset.cpus", ("0",)),
        (("--cpuset-mems", "0"), "cpuset/cpuset.mems", "cpuset.mems", ("0",)),
    ],
)
def test_processors_are_what_was_set(
    engine: RunningEngine, words: tuple[str, ...], legacy: str, unified: str, value: tuple[str, ...]
) -> None:
    engine.docker("run", "-d", "--name", "cpu", *words, IMAGE, "sleep", "1000")
    try:
        assert control(engine, "cpu", legacy, unified) in value
    finally:
        engine.docker("rm", "-f", "cpu")


def test_a_program_sees_only_its_processors(engine: RunningEngine) -> None:
    assert run(engine, "--cpuset-cpus", "0", IMAGE, "nproc") == "1"


@V1_ONLY
@pytest.mark.skipif(not Path("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists(), reason="no real-time groups here")
def test_real_time_is_what_was_set_for_several_together(engine: RunningEngine) -> None:
    words = ("--cpu-rt-runtime", "20000")
    for name in ("rt1", "rt2"):
        engine.docker("run", "-d", "--name", name, *words, IMAGE, "sleep", "1000")
    assert [control(engine, name, "cpu/cpu.rt_runtime_us", "") for name in ("rt1", "rt2")] == ["20000"] * 2
    refused = engine.docker("run", "--rm", "--cpu-rt-runtime", "1000000", IMAGE, "true", check=False)
    assert refused.returncode == 125
    engine.docker("rm", "-f", "rt1", "rt2")


def test_a_tmpfs_and_shared_memory_hold_what_was_set(engine: RunningEngine) -> None:
    words = ("--tmpfs", "/small:size=1m", "--shm-size", "2m")
    script = (
        "for at in /small /dev/shm; do dd if=/dev/zero of=$at/x bs=64k count=100 2>/dev/null; stat -c %s $at/x; done"
    )
    sizes = run(engine, *words, IMAGE, "sh", "-c", script).split()
    assert sizes == [str(1 << 20), str(2 << 20)]


def test_ulimits_are_what_was_set(engine: RunningEngine) -> None:
    assert run(engine, "--ulimit", "nofile=100:200", IMAGE, "sh", "-c", "ulimit -Sn; ulimit -Hn").split() == [
        "100",
        "200",
    ]


def test_a_ulimit_above_the_engines_own_is_lowered_and_told(engine: RunningEngine) -> None:
    assert engine.process is not None
    limits = Path(f"/proc/{engine.process.pid}/limits").read_text()
    ceiling = re.search(r"Max open files +\d+ +(\d+)", limits)
    assert ceiling is not None
    wanted = int(ceiling[1]) + 1
    answer = created(engine, f'{{"Ulimits": [{{"Name": "nofile", "Soft": {wanted}, "Hard": {wanted}}}]}}')
    (warning,) = answer["Warnings"]
    assert f"nofile={wanted}:{wanted} was lowered to {ceiling[1]}:{ceiling[1]}" in warning
    assert created(engine, '{"Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 5}]}')["Warnings"] == []


@V1_ONLY
def test_a_disks_speed_is_what_was_set(engine: RunningEngine) -> None:
    words = ("--device-read-bps", "/dev/loop0:1mb", "--device-write-iops", "/dev/loop0:100")
    engine.docker("run", "-d", "--name", "disk", *words, IMAGE, "sleep", "1000")
    assert control(engine, "disk", "blkio/blkio.throttle.read_bps_device", "") == f"7:0 {1 << 20}"
    assert control(engine, "disk", "blkio/blkio.throttle.write_iops_device", "") == "7:0 100"
    echo = json.loads(engine.out("inspect", "--format", "{{json .HostConfig.BlkioDeviceReadBps}}", "disk"))
    assert echo == [{"Path": "/dev/loop0", "Rate": 1 << 20}]
    engine.docker("rm", "-f", "disk")


@pytest.mark.parametrize(
    ("host_config", "words"),
    [
        ('{"BlkioDeviceReadBps": [{"Path": "/dev/nothing", "Rate": 5}]}', "BlkioDeviceReadBps: stat /dev/nothing"),
        ('{"BlkioDeviceWriteIOps": [{"Path": "/dev/null", "Rate": 5}]}', "/dev/null is not a block device"),
        ('{"BlkioDeviceReadBps": [{"Path": "loop0", "Rate": 5}]}', "absolute path"),
        ('{"CpusetCpus": "0-999"}', "Requested CPUs are not available - requested 0-999, available: 0"),
        ('{"CpusetCpus": "1-"}', "Invalid value 1- for cpuset cpus"),
        ('{"CpusetMems": "77"}', "Requested memory nodes are not available - requested 77, available: 0"),
        ('{"NanoCpus": 999000000000}', "Range of CPUs is from 0.01 to"),
        ('{"MemorySwappiness": 101}', "valid memory swappiness range is 0-100"),
        ('{"IOMaximumIOps": 1}', "HostConfig.IOMaximumIOps"),
        ('{"CpuCount": 1}', "HostConfig.CpuCount"),
        ('{"CpuPercent": 1}', "HostConfig.CpuPercent"),
        ('{"Ulimits": [{"Name": "wings"}]}', "invalid ulimit type: wings"),
    ],
)
def test_what_this_machine_can_never_do_is_refused(engine: RunningEngine, host_config: str, words: str) -> None:
    answer = created(engine, host_config)
    assert answer["status"] == 400
    assert words in str(answer["message"])


def test_limits_on_kernel_memory_are_ignored_and_told(engine: RunningEngine) -> None:
    answer = created(engine, '{"KernelMemory": 10485760}')
    assert answer["status"] == 201
    assert "KernelMemory was ignored" in str(answer["Warnings"])


def test_info_tells_what_this_machine_can_limit(engine: RunningEngine) -> None:
    info = ask(engine, "GET", "/info")
    root = Path("/sys/fs/cgroup")
    is_unified = (root / "cgroup.controllers").exists()
    assert info["CgroupVersion"] == ("2" if is_unified else "1")
    assert info["CgroupDriver"] == "cgroupfs"
    if not is_unified:
        assert info["MemoryLimit"] is (root / "memory" / "memory.limit_in_bytes").exists()
        assert info["SwapLimit"] is (root / "memory" / "memory.memsw.limit_in_bytes").exists()
        assert info["OomKillDisable"] is (root / "memory" / "memory.oom_control").exists()
        assert info["CpuCfsQuota"] is info["CpuCfsPeriod"] is (root / "cpu" / "cpu.cfs_quota_us").exists()
        assert info["PidsLimit"] is (root / "pids").exists()
        throttle = root / "blkio" / "blkio.throttle.read_bps_device"
        assert ("No blkio throttle.read_bps_device support" in str(info["Warnings"])) is not throttle.exists()


@V1_ONLY
def test_a_weight_that_the_kernel_cannot_keep_is_discarded_and_told(engine: RunningEngine) -> None:
    if next(Path("/sys/fs/cgroup/blkio").glob("*/blkio.weight"), None):
        pytest.skip("this kernel has weights")
    answer = created(engine, '{"BlkioWeight": 500, "BlkioWeightDevice": [{"Path": "/dev/loop0", "Weight": 200}]}')
    assert answer["Warnings"] == [
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
        "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    ]
    echo = engine.out(
        "inspect", "--format", "{{.HostConfig.BlkioWeight}} {{.HostConfig.BlkioWeightDevice}}", str(answer["Id"])
    )
    assert echo == "0 []"
