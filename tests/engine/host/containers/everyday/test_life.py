"""Containers as people use them: through the docker command line, on a real engine."""

import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.conftest import REPOSITORY, RunningEngine, running_engine, wait_until

pytestmark = pytest.mark.host


def state(engine: RunningEngine, name: str, field: str) -> str:
    return engine.out("inspect", "--format", "{{.State." + field + "}}", name)


def test_the_exit_code_of_the_program_is_the_exit_code_of_run(engine: RunningEngine, image: str) -> None:
    done = engine.docker("run", "--name", "box", image, "sh", "-c", "echo out; echo err >&2; exit 37", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (37, b"out\n", b"err\n")
    assert state(engine, "box", "Status") == "exited"
    assert state(engine, "box", "ExitCode") == "37"


def test_input_reaches_the_program_and_ends(engine: RunningEngine, image: str) -> None:
    done = engine.docker("run", "--rm", "-i", image, "wc", "-c", input=b"x" * 3_000_000)
    assert done.stdout.strip() == b"3000000"


def test_attached_output_is_complete_when_the_container_removes_itself(engine: RunningEngine, image: str) -> None:
    done = engine.docker("run", "--rm", image, "seq", "200000")
    assert done.stdout == b"".join(b"%d\n" % number for number in range(1, 200_001))


def test_ten_thousand_lines_are_all_in_the_log_in_order(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "seq", "10000")
    engine.docker("wait", "box")
    assert engine.out("logs", "box").splitlines() == [str(number) for number in range(1, 10_001)]
    assert engine.out("logs", "--tail", "3", "box").splitlines() == ["9998", "9999", "10000"]


def test_a_follower_gets_what_was_and_what_comes_and_then_the_end(engine: RunningEngine, image: str) -> None:
    script = "trap 'seq 5001 10000; exit' USR1; seq 5000; while :; do sleep 0.05; done"
    engine.docker("run", "-d", "--name", "box", image, "sh", "-c", script)
    wait_until(lambda: engine.out("logs", "--tail", "1", "box") == "5000")
    with engine.popen("logs", "-f", "box") as follower:
        assert follower.stdout is not None
        first = [follower.stdout.readline() for _ in range(5000)]
        engine.docker("kill", "-s", "USR1", "box")
        rest, _ = follower.communicate(timeout=20)
    assert b"".join(first) + rest == b"".join(b"%d\n" % number for number in range(1, 10_001))


def test_stop_asks_first_and_kills_after_the_timeout(engine: RunningEngine, image: str) -> None:
    engine.docker(
        "run", "-d", "--name", "polite", image, "sh", "-c", "trap 'exit 143' TERM; while :; do sleep 0.05; done"
    )
    engine.docker("run", "-d", "--name", "deaf", image, "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    engine.docker("stop", "-t", "10", "polite")
    began = time.monotonic()
    engine.docker("stop", "-t", "1", "deaf")
    assert 1 <= time.monotonic() - began < 5
    assert (state(engine, "polite", "ExitCode"), state(engine, "deaf", "ExitCode")) == ("143", "137")


def test_a_stopped_container_starts_again_with_its_files(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "--name", "box", image, "sh", "-c", "echo line >> /count; cat /count")
    engine.docker("start", "-a", "box")
    assert engine.docker("start", "-a", "box").stdout == b"line\n" * 3
    assert engine.out("logs", "box").count("line") == 6


def test_a_container_that_removes_itself_leaves_nothing(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "--rm", "-p", "127.0.0.1::80", image, "true")
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))
    assert engine.out("ps", "-aq") == ""


def test_a_removed_container_leaves_nothing(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "sleep", "1000")
    refused = engine.docker("rm", "box", check=False)
    assert refused.returncode != 0
    assert b"container is running: stop the container before removing or force remove" in refused.stderr
    engine.docker("rm", "-f", "box")
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))


@pytest.mark.parametrize(
    ("program", "code"), [("no-such-program", 127), ("/etc", 126), ("/etc/passwd", 126), ("/nowhere/program", 127)]
)
def test_a_program_that_cannot_run_is_told_as_docker_tells_it(
    engine: RunningEngine, image: str, program: str, code: int
) -> None:
    done = engine.docker("run", "--name", "box", image, program, check=False)
    assert done.returncode == code, done.stderr
    assert program.encode() in done.stderr
    assert state(engine, "box", "Status") == "created"
    assert state(engine, "box", "ExitCode") == str(code)
    assert not engine.mounts()
    assert not engine.cgroups()
    engine.docker("rm", "box")
    wait_until(lambda: not engine.leftovers())


def test_a_program_that_cannot_run_leaves_nothing_with_rm(engine: RunningEngine, image: str) -> None:
    assert engine.docker("run", "--rm", image, "no-such-program", check=False).returncode == 127
    assert engine.out("ps", "-aq") == ""
    wait_until(lambda: not engine.leftovers())


def test_twenty_containers_at_once(engine: RunningEngine, image: str) -> None:
    def run(number: int) -> tuple[int, bytes]:
        done = engine.docker("run", "--rm", image, "sh", "-c", f"echo {number}; exit {number}", check=False)
        return done.returncode, done.stdout

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(run, range(20))) == [(number, b"%d\n" % number) for number in range(20)]
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))


def test_a_port_is_published_once(engine: RunningEngine, image: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    publish = f"127.0.0.1:{port}:80"
    engine.docker("run", "-d", "--name", "one", "-p", publish, image, "sleep", "1000")
    refused = engine.docker("run", "-d", "--name", "two", "-p", publish, image, "sleep", "1000", check=False)
    assert refused.returncode == 125
    assert b"port is already allocated" in refused.stderr
    engine.docker("rm", "-f", "one")
    engine.docker("start", "two")


def test_names_and_prefixes_find_containers(engine: RunningEngine, image: str) -> None:
    container_id = engine.out("create", "--name", "first", image, "true")
    taken = engine.docker("create", "--name", "first", image, "true", check=False)
    assert f'The container name "/first" is already in use by container "{container_id}"'.encode() in taken.stderr
    engine.docker("rename", "first", "second")
    assert engine.out("inspect", "--format", "{{.Name}}", container_id[:5]) == "/second"
    assert b"No such container: first" in engine.docker("start", "first", check=False).stderr


def test_a_signal_reaches_the_program(engine: RunningEngine, image: str) -> None:
    engine.docker(
        "run", "-d", "--name", "box", image, "sh", "-c", "trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done"
    )
    wait_until(lambda: engine.out("logs", "box") == "up")
    engine.docker("kill", "-s", "USR1", "box")
    assert engine.out("wait", "box") == "5"
    again = engine.docker("kill", "box", check=False)
    assert b"is not running" in again.stderr


def test_memory_beyond_the_limit_ends_the_container_and_says_so(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "--name", "box", "-m", "16m", image, "tail", "/dev/zero", check=False)
    assert (state(engine, "box", "OOMKilled"), state(engine, "box", "ExitCode")) == ("true", "137")


def test_a_paused_container_stands_still(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "--name", "box", image, "sleep", "1000")
    engine.docker("pause", "box")
    assert state(engine, "box", "Status") == "paused"
    engine.docker("unpause", "box")
    engine.docker("stop", "-t", "0", "box")
    assert state(engine, "box", "ExitCode") == str(128 + signal.SIGKILL)


def test_two_engines_live_side_by_side(engine: RunningEngine, image: str, busybox_tar: bytes) -> None:
    with running_engine() as other:
        other.docker("import", "-", image, input=busybox_tar)
        for each in (engine, other):
            each.docker("run", "-d", "--name", "same", image, "sleep", "1000")
        assert engine.out("ps", "-q") != other.out("ps", "-q")
    assert engine.out("ps", "--format", "{{.Names}}") == "same"
    assert engine.out("run", "--rm", image, "echo", "still", "there") == "still there"


def test_a_second_engine_on_the_same_data_is_refused(engine: RunningEngine) -> None:
    second = subprocess.run(engine.command("serve"), cwd=REPOSITORY, capture_output=True, timeout=20)
    assert second.returncode == 1
    assert re.search(rb"another engine \(process \d+\) runs on", second.stderr)
    assert engine.docker("version").returncode == 0


def test_starting_twice_at_once_starts_once(engine: RunningEngine, image: str) -> None:
    engine.docker("create", "--name", "box", image, "sh", "-c", "echo started; sleep 1000")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: engine.docker("start", "box"), range(4)))
    wait_until(lambda: engine.out("logs", "box") == "started")


def test_removing_by_force_wins_over_a_start_at_the_same_time(engine: RunningEngine, image: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            name = f"box{number}"
            engine.docker("create", "--name", name, image, "sleep", "1000")
            starts = [pool.submit(engine.docker, "start", name, check=False) for _ in range(2)]
            engine.docker("rm", "-f", name)
            for start in starts:
                start.result()
    assert engine.out("ps", "-aq") == ""
    wait_until(lambda: not engine.leftovers(), what=str(engine.leftovers()))


def test_killing_what_ends_by_itself_is_no_failure_of_the_engine(engine: RunningEngine, image: str) -> None:
    for number in range(10):
        engine.docker("run", "-d", "--name", f"box{number}", image, "sleep", "0.05")
        done = engine.docker("kill", f"box{number}", check=False)
        assert done.returncode == 0 or b"is not running" in done.stderr, done.stderr
        assert engine.out("wait", f"box{number}") in ("0", "137")
