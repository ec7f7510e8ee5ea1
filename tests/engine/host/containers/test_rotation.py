"""Logs are bounded, and nothing is lost, torn or doubled by that."""

import json
import os
import random
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


def lines(first: int, last: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(first, last + 1))


def opts(*options: str) -> list[str]:
    return [word for option in options for word in ("--log-opt", option)]


def log_dir(engine: RunningEngine, name: str) -> Path:
    return engine.data_root / "containers" / engine.out("inspect", "--format", "{{.Id}}", name) / "log"


def sizes(directory: Path) -> list[int]:
    """Of the files on disk; container.log is one of the numbered ones under another name."""
    return list({path.stat().st_ino: path.stat().st_size for path in directory.iterdir()}.values())


@pytest.mark.parametrize(("size", "files", "count"), [("10k", 1000, 20_000), ("100k", 500, 200_000)])
def test_no_line_is_lost_at_full_speed_over_many_rotations(
    shared: RunningEngine, size: str, files: int, count: int
) -> None:
    name = f"many{size}"
    shared.docker(
        "run", "--name", name, *opts(f"max-size={size}", f"max-file={files}"), IMAGE, "seq", str(count), timeout_s=100
    )
    assert len(sizes(log_dir(shared, name))) > 50
    assert shared.docker("logs", name).stdout == lines(1, count)
    assert shared.docker("logs", "--tail", "5000", name).stdout == lines(count - 4999, count)


def test_the_disk_is_bounded_and_the_last_files_are_kept(shared: RunningEngine) -> None:
    shared.docker("run", "-d", "--name", "last", *opts("max-size=200k", "max-file=3"), IMAGE, "seq", "100000")
    shared.docker("wait", "last")
    found = sizes(log_dir(shared, "last"))
    assert len(found) == 3
    assert max(found) <= 200_000
    out = shared.docker("logs", "last").stdout
    first = int(out.split(b"\n", 1)[0])
    assert out == lines(first, 100_000)
    assert len(out.splitlines()) > 5000


def test_one_file_is_what_a_size_alone_means(shared: RunningEngine) -> None:
    shared.docker("run", "--name", "one", *opts("max-size=50k"), IMAGE, "seq", "50000")
    (size,) = sizes(log_dir(shared, "one"))
    assert size <= 50_000
    out = shared.docker("logs", "one").stdout
    assert out == lines(int(out.split(b"\n", 1)[0]), 50_000)


@pytest.mark.parametrize("files", ["1", "3"])
def test_an_attached_client_gets_all_however_little_is_kept(shared: RunningEngine, files: str) -> None:
    options = opts("max-size=20k", f"max-file={files}")
    assert shared.docker("run", "--rm", *options, IMAGE, "seq", "100000").stdout == lines(1, 100_000)
    assert shared.docker("run", "--rm", "--log-driver", "none", IMAGE, "seq", "300000").stdout == lines(1, 300_000)


def test_a_follower_that_keeps_up_gets_all(shared: RunningEngine) -> None:
    script = "seq 2000; i=2000; while [ $i -lt 4000 ]; do i=$((i+1)); echo $i; usleep 500; done"
    shared.docker("create", "--name", "followed", *opts("max-size=20k", "max-file=2"), IMAGE, "sh", "-c", script)
    with shared.popen("logs", "-f", "followed") as follower:
        shared.docker("start", "followed")
        out, _ = follower.communicate(timeout=60)
    # what was written before it looked for the first time may be gone
    assert out.endswith(lines(2001, 4000))


def test_a_container_that_is_started_again_goes_on_in_its_log(shared: RunningEngine) -> None:
    options = opts("max-size=20k", "max-file=20")
    shared.docker("run", "--name", "again", *options, IMAGE, "seq", "2000")
    for _ in range(3):
        shared.docker("start", "-a", "again")
    assert shared.docker("logs", "again").stdout == lines(1, 2000) * 4
    assert max(sizes(log_dir(shared, "again"))) <= 20_000


def test_an_attached_client_that_does_not_read_delays_the_container_and_stop_still_works(shared: RunningEngine) -> None:
    shared.docker(
        "create", "--name", "deaf", *opts("max-size=20k", "max-file=2"), IMAGE, "sh", "-c", "seq 3000000; sleep 1000"
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(shared.socket))
        client.sendall(
            b"POST /containers/deaf/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        )
        client.recv(16)  # it is attached
        shared.docker("start", "deaf")
        held = ""
        while held != (held := shared.out("logs", "--tail", "1", "deaf")) or not held:
            time.sleep(0.5)  # it writes until it is held up
        assert int(held) < 3_000_000
        began = time.monotonic()
        shared.docker("stop", "-t", "0", "deaf")
        assert time.monotonic() - began < 8
    assert shared.out("inspect", "--format", "{{.State.Status}}", "deaf") == "exited"


def test_an_attached_client_that_comes_late_to_its_output_still_gets_all_of_it(shared: RunningEngine) -> None:
    shared.docker("create", "--name", "slow", "--rm", *opts("max-size=20k", "max-file=2"), IMAGE, "seq", "200000")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(shared.socket))
        client.sendall(
            b"POST /containers/slow/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        )
        received = client.recv(4096)
        shared.docker("start", "slow")
        time.sleep(1)  # it does not read
        while piece := client.recv(1 << 20):
            received += piece
    assert unframed(received.partition(b"\r\n\r\n")[2]) == lines(1, 200_000)


def unframed(data: bytes) -> bytes:
    whole, at = b"", 0
    while at < len(data):
        _, length = struct.unpack_from(">BxxxI", data, at)
        whole += data[at + 8 : at + 8 + length]
        at += 8 + length
    return whole


def test_sixty_thousand_lines_survive_five_kills_of_the_engine_and_a_rotation(
    engine: RunningEngine, image: str
) -> None:
    # 60,000 lines of this are 4 MB of log: 3 MB make one rotation, and none is destroyed when it falls into a gap
    script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo number $i of many; done; sleep 1000"
    engine.docker("run", "-d", "--name", "box", *opts("max-size=3m", "max-file=3"), image, "sh", "-c", script)
    moments = random.Random(7)
    for _ in range(5):
        time.sleep(moments.uniform(0, 0.1))
        engine.kill()
        time.sleep(moments.uniform(0, 0.1))
        engine.start()
    wait_until(lambda: engine.out("logs", "--tail", "1", "box") == "number 60000 of many", limit_s=60)
    found = engine.docker("logs", "box").stdout.splitlines()
    assert [line for line in found if not re.fullmatch(rb"number \d+ of many", line)] == []  # torn
    assert found == [b"number %d of many" % number for number in range(1, 60_001)]  # missing or doubled
    assert len(sizes(log_dir(engine, "box"))) == 2


def test_the_disk_is_bounded_while_the_engine_is_dead_and_the_next_one_takes_what_it_finds(
    engine: RunningEngine, image: str
) -> None:
    script = "trap 'seq 1001 100000' USR1; seq 1000; while :; do usleep 10000; done"
    engine.docker("run", "-d", "--name", "box", *opts("max-size=100k", "max-file=2"), image, "sh", "-c", script)
    directory = log_dir(engine, "box")
    pid = int(engine.out("inspect", "--format", "{{.State.Pid}}", "box"))
    wait_until(lambda: engine.out("logs", "--tail", "1", "box") == "1000")
    most = 0
    stop = threading.Event()

    def watch() -> None:
        nonlocal most
        while not stop.wait(0.002):
            try:
                most = max(most, sum(sizes(directory)))
            except FileNotFoundError:
                continue  # renamed while we looked

    watcher = threading.Thread(target=watch)
    engine.kill()
    watcher.start()
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: b" 100000\n" in (directory / "container.log").read_bytes(), limit_s=30)
    stop.set()
    watcher.join()
    assert most <= 3 * 100_000  # what the engine kept, one more, and the one being written
    engine.start()
    assert len(sizes(directory)) == 2
    out = engine.docker("logs", "box").stdout.splitlines()
    numbers = [int(line) for line in out]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 100_000
    os.kill(pid, signal.SIGUSR1)  # and now it loses nothing
    wait_until(lambda: engine.docker("logs", "box").stdout.endswith(b"\n99999\n100000\n"))
    assert max(sizes(directory)) <= 100_000


def test_a_container_that_says_nothing_has_the_engines_bound(busybox_tar: bytes) -> None:
    with running_engine("--log-max-size", "100k", "--log-max-file", "2") as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        engine.docker("run", "--name", "box", IMAGE, "seq", "20000")
        assert len(sizes(log_dir(engine, "box"))) == 2
        assert max(sizes(log_dir(engine, "box"))) <= 100_000
        shown = engine.out("inspect", "--format", "{{json .HostConfig.LogConfig}}", "box")
        assert json.loads(shown) == {"Type": "json-file", "Config": {}}
        engine.docker("run", "--name", "free", *opts("max-size=-1"), IMAGE, "seq", "20000")
        assert engine.docker("logs", "free").stdout == lines(1, 20_000)
