"""Clients that follow a log and do not read cost little and hold nothing up."""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine, wait_until

pytestmark = pytest.mark.host

_log = logging.getLogger(__name__)
_CLIENTS = 50
_MOST_EACH_KB = 1024
_PAYLOAD = "x" * 100


def resident_kb(engine: RunningEngine) -> int:
    assert engine.process is not None
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def open_files(engine: RunningEngine) -> int:
    assert engine.process is not None
    return len(os.listdir(f"/proc/{engine.process.pid}/fd"))


@contextlib.contextmanager
def deaf_followers(engine: RunningEngine, name: str, query: str) -> Iterator[None]:
    """They have asked, and read no more than the answer's first bytes."""
    with contextlib.ExitStack() as undo:
        for _ in range(_CLIENTS):
            client = undo.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(20)
            client.connect(str(engine.socket))
            client.sendall(f"GET /containers/{name}/logs?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        yield


@pytest.mark.parametrize("query", ["follow=1&stdout=1", "follow=1&stdout=1&timestamps=1"])
def test_fifty_followers_that_never_read_cost_a_megabyte_each_at_most(
    engine: RunningEngine, image: str, query: str
) -> None:
    script = (
        f"n=0; trap 'yes {_PAYLOAD} | head -n 100000; n=$((n+1)); echo done $n' USR1; echo done 0; "
        "while :; do usleep 10000; done"
    )
    options = ["--log-opt", "max-size=2m", "--log-opt", "max-file=3"]
    engine.docker("run", "-d", "--name", "box", *options, image, "sh", "-c", script)

    def written(number: int) -> bool:
        return engine.out("logs", "--tail", "1", "box") == f"done {number}"

    def write_all(number: int) -> float:
        began = time.monotonic()
        engine.docker("kill", "-s", "USR1", "box")
        wait_until(lambda: written(number), limit_s=60)
        return time.monotonic() - began

    wait_until(lambda: written(0))
    alone_s = write_all(1)
    engine.docker("logs", "box")
    engine.docker("run", "--rm", image, "echo", "others")
    files, before = open_files(engine), resident_kb(engine)
    with deaf_followers(engine, "box", query):
        beside_s = write_all(2)
        each = (resident_kb(engine) - before) / _CLIENTS
        _log.info("%.0f kB each; written in %.2f s alone, in %.2f s beside them", each, alone_s, beside_s)
        assert each <= _MOST_EACH_KB
        assert open_files(engine) <= files + _CLIENTS + 6  # of the log: its directory, three files and a deleted one
        assert engine.docker("run", "--rm", image, "echo", "others").stdout == b"others\n"
        assert beside_s < 3 * alone_s + 2
    wait_until(lambda: open_files(engine) <= files, what="connections and files are closed")
    wait_until(lambda: resident_kb(engine) - before <= _CLIENTS * 100, what="memory is given back")


def test_a_follower_that_fell_behind_is_told_and_goes_on(engine: RunningEngine, image: str) -> None:
    script = f"trap 'yes {_PAYLOAD} | head -n 40000; echo done; exit' USR1; echo up; while :; do usleep 10000; done"
    options = ["--log-opt", "max-size=1m", "--log-opt", "max-file=2"]
    engine.docker("run", "-d", "--name", "box", *options, image, "sh", "-c", script)
    wait_until(lambda: engine.out("logs", "box") == "up")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(engine.socket))
        client.sendall(b"GET /containers/box/logs?follow=1&stdout=1&stderr=1 HTTP/1.0\r\nHost: x\r\n\r\n")
        assert client.recv(5) == b"HTTP/"
        engine.docker("kill", "-s", "USR1", "box")
        engine.docker("wait", "box")
        received = b""
        while piece := client.recv(1 << 20):
            received += piece
    assert b"naru: output before this was rotated away" in received
    assert received.rstrip().endswith(b"done")
    assert received.count(_PAYLOAD.encode()) < 40_000
