"""Containers do not notice that their engine dies, and the next engine knows all that happened."""

import os
import time
import urllib.request
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine, wait_until

pytestmark = pytest.mark.host


def pid_of(engine: RunningEngine, name: str) -> int:
    return int(engine.out("inspect", "--format", "{{.State.Pid}}", name))


def started_ticks(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_a_container_writes_on_while_the_engine_is_dead(engine: RunningEngine, image: str) -> None:
    script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo $i; done"
    engine.docker("run", "-d", "--name", "box", image, "sh", "-c", f"{script}; sleep 1000")
    pid = pid_of(engine, "box")
    ticks = started_ticks(pid)
    for _ in range(2):
        engine.kill()
        time.sleep(0.1)  # the time that it is down is the point
        engine.start()
    assert pid_of(engine, "box") == pid
    assert started_ticks(pid) == ticks
    wait_until(lambda: engine.out("logs", "--tail", "1", "box") == "60000", limit_s=30)
    assert engine.out("logs", "box").splitlines() == [str(number) for number in range(1, 60_001)]
    engine.docker("stop", "-t", "0", "box")
    engine.docker("rm", "box")
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))


def test_an_exit_code_is_kept_while_the_engine_is_dead(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "sh", "-c", "sleep 0.5; exit 37")
    container_id = engine.out("ps", "-q", "--no-trunc")
    engine.kill()
    wait_until((engine.run_root / "exits" / container_id).exists)
    engine.start()
    assert engine.out("wait", "box") == "37"
    assert engine.out("ps", "-a", "--format", "{{.State}}") == "exited"


def test_a_container_that_removes_itself_is_gone_if_it_ended_meanwhile(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--rm", "--name", "box", image, "sleep", "0.5")
    container_id = engine.out("ps", "-q", "--no-trunc")
    engine.kill()
    wait_until((engine.run_root / "exits" / container_id).exists)
    engine.start()
    assert engine.out("ps", "-aq") == ""
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))


def test_a_running_container_keeps_its_address_and_its_network(engine: RunningEngine, image: str) -> None:
    address = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
    serve = "echo here > /index.html; exec httpd -f -p 80 -h /"
    engine.docker("run", "-d", "--name", "box", image, "sh", "-c", serve)
    before = engine.out("inspect", "--format", address, "box")
    engine.kill()
    engine.start()
    assert engine.out("inspect", "--format", address, "box") == before
    with urllib.request.urlopen(f"http://{before}/index.html", timeout=5) as answer:
        assert answer.read() == b"here\n"


def test_what_a_killed_engine_left_half_made_is_swept(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "sleep", "1000")
    container_id = engine.out("ps", "-q", "--no-trunc")
    engine.kill()
    orphan = "f" * 64
    for parent in (engine.data_root / "containers", engine.run_root / "containers"):
        (parent / orphan / "rootfs").mkdir(parents=True)
    engine.start()
    assert not [path for path in engine.leftovers() if orphan in path]
    assert [path for path in engine.leftovers() if container_id in path]


def test_stopping_the_engine_leaves_containers_running(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "sleep", "1000")
    pid = pid_of(engine, "box")
    assert engine.stop() == 0
    os.kill(pid, 0)
    engine.start()
    assert pid_of(engine, "box") == pid


def test_a_container_whose_monitor_was_killed_still_stops(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "sleep", "1000")
    container_id = engine.out("ps", "-q", "--no-trunc")
    monitor = int((engine.run_root / "containers" / container_id / "conmon.pid").read_text())
    os.kill(monitor, 9)
    assert engine.out("ps", "--format", "{{.Names}}") == "box"
    engine.docker("stop", "-t", "0", "box")
    assert engine.out("ps", "-q") == ""
    assert "monitor" in engine.out("inspect", "--format", "{{.State.Error}}", "box")
