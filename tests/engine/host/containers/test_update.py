"""``docker update``: in force at once, kept over restarts, or refused and nothing changed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.client import Answer, Client
from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.test_limits import V1_ONLY, control, events

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


@pytest.fixture
def box(engine: RunningEngine) -> Iterator[str]:
    """A running container with 64 MiB of memory, as much swap, and nothing else limited."""
    engine.docker("run", "-d", "--name", "box", "-m", "64m", IMAGE, "sleep", "1000")
    yield "box"
    engine.docker("rm", "-f", "box")


def update(engine: RunningEngine, name: str, body: dict[str, Any]) -> Answer:
    return Client(engine.socket).ask("POST", f"/containers/{name}/update", body)


def updated(engine: RunningEngine, name: str, body: dict[str, Any]) -> list[str]:
    """Its warnings."""
    answer = update(engine, name, body)
    assert answer.status == 200, answer.body
    return list(answer.json["Warnings"] or [])


def limits(engine: RunningEngine, name: str) -> dict[str, Any]:
    return dict(json.loads(engine.out("inspect", "--format", "{{json .HostConfig}}", name)))


def memory(engine: RunningEngine, name: str) -> tuple[int, int]:
    """Limits in force on memory, and on memory and swap together."""
    alone = int(control(engine, name, "memory/memory.limit_in_bytes", "memory.max"))
    swap = int(control(engine, name, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"))
    is_unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return alone, swap + alone if is_unified else swap


@pytest.mark.parametrize(("most", "swap"), [(128, 256), (32, 64), (96, 96), (32, 512)])
def test_memory_goes_up_and_down_in_a_running_container(engine: RunningEngine, box: str, most: int, swap: int) -> None:
    engine.docker("update", "-m", f"{most}m", "--memory-swap", f"{swap}m", box)
    assert memory(engine, box) == (most << 20, swap << 20)
    assert (limits(engine, box)["Memory"], limits(engine, box)["MemorySwap"]) == (most << 20, swap << 20)


def test_a_limit_where_none_was_brings_its_swap(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "free", IMAGE, "sleep", "1000")
    engine.docker("update", "-m", "64m", "free")
    assert memory(engine, "free") == (64 << 20, 128 << 20)
    engine.docker("update", "--memory-swap", "-1", "free")
    assert memory(engine, "free")[1] > 1 << 60
    engine.docker("rm", "-f", "free")


def test_an_update_survives_a_stop_and_the_engine(engine: RunningEngine, box: str) -> None:
    engine.docker("update", "-m", "32m", "--cpus", "0.5", "--pids-limit", "77", box)
    engine.kill()
    engine.start()
    engine.docker("restart", "-t", "0", box)
    assert memory(engine, box) == (32 << 20, 128 << 20)
    assert control(engine, box, "cpu/cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
    assert control(engine, box, "pids/pids.max", "pids.max") == "77"


def test_a_stopped_container_takes_it_at_its_next_start(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "later", IMAGE, "sleep", "1000")
    engine.docker("update", "-m", "32m", "--cpu-shares", "100", "later")
    engine.docker("start", "later")
    assert memory(engine, "later") == (32 << 20, 64 << 20)
    assert control(engine, "later", "cpu/cpu.shares", "cpu.weight") in ("100", "4")
    engine.docker("rm", "-f", "later")


def test_a_paused_container_is_updated_and_stays_paused(engine: RunningEngine, box: str) -> None:
    engine.docker("pause", box)
    engine.docker("update", "--pids-limit", "50", box)
    assert control(engine, box, "pids/pids.max", "pids.max") == "50"
    assert engine.out("inspect", "--format", "{{.State.Status}}", box) == "paused"
    engine.docker("unpause", box)


def test_what_is_not_mentioned_stays(engine: RunningEngine, box: str) -> None:
    engine.docker("update", "--cpu-shares", "300", "--cpuset-cpus", "0", box)
    engine.docker("update", "--cpu-period", "50000", "--cpu-quota", "20000", box)
    now = limits(engine, box)
    assert (now["CpuShares"], now["CpusetCpus"], now["Memory"]) == (300, "0", 64 << 20)
    assert control(engine, box, "cpu/cpu.shares", "cpu.weight") in ("300", "12")
    assert control(engine, box, "cpu/cpu.cfs_quota_us", "cpu.max") in ("20000", "20000 50000")


@pytest.mark.parametrize("unlimited", [0, -1])
def test_limits_are_lifted_by_the_values_that_say_so(engine: RunningEngine, box: str, unlimited: int) -> None:
    updated(engine, box, {"PidsLimit": 30, "CpuQuota": 20000})
    updated(engine, box, {"PidsLimit": unlimited, "CpuQuota": -1})
    assert control(engine, box, "pids/pids.max", "pids.max") == "max"
    assert control(engine, box, "cpu/cpu.cfs_quota_us", "cpu.max") in ("-1", "max 100000")
    engine.docker("restart", "-t", "0", box)
    assert control(engine, box, "pids/pids.max", "pids.max") == "max"


@V1_ONLY
def test_what_docker_creates_with_can_be_updated_too(engine: RunningEngine, box: str) -> None:
    updated(engine, box, {"MemorySwappiness": 7, "OomKillDisable": True})
    assert control(engine, box, "memory/memory.swappiness", "") == "7"
    assert "oom_kill_disable 1" in control(engine, box, "memory/memory.oom_control", "")
    updated(engine, box, {"OomKillDisable": False, "BlkioDeviceReadBps": [{"Path": "/dev/loop0", "Rate": 5000}]})
    assert "oom_kill_disable 0" in control(engine, box, "memory/memory.oom_control", "")
    assert control(engine, box, "blkio/blkio.throttle.read_bps_device", "") == "7:0 5000"
    updated(engine, box, {"BlkioDeviceReadBps": [{"Path": "/dev/loop0", "Rate": 0}]})
    assert control(engine, box, "blkio/blkio.throttle.read_bps_device", "") == ""
    now = limits(engine, box)
    assert (now["MemorySwappiness"], now["OomKillDisable"], now["BlkioDeviceReadBps"]) == (7, False, [])


def test_ulimits_wait_for_the_next_start_and_say_so(engine: RunningEngine, box: str) -> None:
    (warning,) = updated(engine, box, {"Ulimits": [{"Name": "nofile", "Soft": 64, "Hard": 64}]})
    assert "started again" in warning
    engine.docker("restart", "-t", "0", box)
    assert engine.out("exec", box, "cat", "/proc/1/limits").split("Max open files")[1].split()[:2] == ["64", "64"]


@pytest.mark.parametrize(
    ("present", "body", "status", "words"),
    [
        ({}, {"Memory": 256 << 20}, 409, "update the memoryswap at the same time"),
        ({}, {"MemorySwap": 32 << 20}, 409, "larger than memory limit"),
        ({}, {"MemoryReservation": 128 << 20}, 409, "less than memory reservation"),
        ({"NanoCpus": 10**9}, {"CpuPeriod": 50000}, 409, "CPU Period cannot be updated as NanoCPUs"),
        ({"NanoCpus": 10**9}, {"CpuQuota": 50000}, 409, "CPU Quota cannot be updated as NanoCPUs"),
        ({"CpuPeriod": 50000}, {"NanoCpus": 10**9}, 409, "Nano CPUs cannot be updated as CPU Period"),
        ({"CpuQuota": 50000}, {"NanoCpus": 10**9}, 409, "Nano CPUs cannot be updated as CPU Quota"),
        ({}, {"Memory": 1000}, 400, "Minimum memory limit allowed is 6MB"),
        ({}, {"NanoCpus": 10**9, "CpuPeriod": 50000}, 400, "cannot both be set"),
        ({}, {"CpusetCpus": "999"}, 400, "Requested CPUs are not available - requested 999"),
        ({}, {"Memory": "much"}, 400, "Memory: expected `int`"),
        ({}, {"PidsLimit": -2}, 400, "PidsLimit: -2 is out of range"),
        ({}, {"IOMaximumIOps": 1}, 400, "IOMaximumIOps"),
        ({}, {"RestartPolicy": {"Name": "sometimes"}}, 400, "sometimes"),
        ({}, {"Devices": [{"PathOnHost": "/dev/fuse"}]}, 501, "Devices"),
    ],
)
def test_a_contradiction_is_refused_and_changes_nothing(
    engine: RunningEngine, box: str, present: dict[str, Any], body: dict[str, Any], status: int, words: str
) -> None:
    updated(engine, box, present)
    before = limits(engine, box)
    answer = update(engine, box, body)
    assert (answer.status, words in answer.json["message"]) == (status, True), answer.json
    assert limits(engine, box) == before
    assert memory(engine, box) == (64 << 20, 128 << 20)


def test_a_limit_below_the_use_is_refused_and_the_rest_of_it_taken_back(engine: RunningEngine) -> None:
    fill = "dd if=/dev/zero of=/dev/shm/x bs=1M count=24 2>/dev/null; echo full; exec sleep 1000"
    engine.docker("run", "-d", "--name", "full", "-m", "64m", "--memory-swap", "64m", IMAGE, "sh", "-c", fill)
    wait_until(lambda: engine.out("logs", "full") == "full")
    answer = update(engine, "full", {"Memory": 8 << 20, "MemorySwap": 8 << 20, "CpuShares": 99, "PidsLimit": 9})
    if answer.status == 200:  # the kernel of v2 takes it, and reclaims or kills
        pytest.skip("this kernel lowers a limit below the use")
    assert answer.status == 409
    assert f"Cannot update container {engine.out('inspect', '--format', '{{.Id}}', 'full')}" in answer.json["message"]
    assert memory(engine, "full") == (64 << 20, 64 << 20)
    assert control(engine, "full", "pids/pids.max", "pids.max") == "2048"
    assert control(engine, "full", "cpu/cpu.shares", "cpu.weight") in ("1024", "100")
    assert limits(engine, "full")["CpuShares"] == 0
    engine.docker("rm", "-f", "full")


def test_a_restart_policy_is_changed(engine: RunningEngine, box: str) -> None:
    engine.docker("update", "--restart", "on-failure:3", box)
    assert limits(engine, box)["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    updated(engine, box, {"PidsLimit": 40})
    assert limits(engine, box)["RestartPolicy"]["Name"] == "on-failure"


def test_a_first_memory_limit_is_watched(engine: RunningEngine) -> None:
    script = "while [ ! -e /go ]; do sleep 0.05; done; tail /dev/zero; exec sleep 1000"
    engine.docker("run", "-d", "--name", "first", IMAGE, "sh", "-c", script)
    engine.docker("update", "-m", "32m", "first")
    engine.docker("exec", "first", "touch", "/go")
    wait_until(lambda: engine.out("inspect", "--format", "{{.State.OOMKilled}}", "first") == "true")
    assert "oom" in events(engine, "first")
    engine.docker("rm", "-f", "first")


def test_what_removes_itself_is_not_restarted(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--rm", "--name", "fleeting", IMAGE, "sleep", "1000")
    answer = update(engine, "fleeting", {"RestartPolicy": {"Name": "always"}})
    assert (answer.status, "AutoRemove is enabled" in answer.json["message"]) == (409, True)
    assert updated(engine, "fleeting", {"RestartPolicy": {"Name": "no"}}) == []
    engine.docker("rm", "-f", "fleeting")


def test_an_update_is_an_event_and_a_refused_one_is_none(engine: RunningEngine, box: str) -> None:
    engine_id = engine.out("inspect", "--format", "{{.Id}}", box)  # others have had its name
    assert update(engine, box, {"Memory": 1000}).status == 400
    assert update(engine, box, {"Memory": 1 << 40}).status == 409
    engine.docker("update", "--pids-limit", "50", box)
    assert events(engine, engine_id).count("update") == 1


def test_a_container_that_is_not_there_is_missing(engine: RunningEngine) -> None:
    assert update(engine, "nobody", {"Memory": 1000}).status == 404


def test_an_unknown_member_is_told_about(engine: RunningEngine, box: str) -> None:
    assert updated(engine, box, {"Frobnicate": 1}) == ["Frobnicate is unknown and was ignored"]
