"""Containers that share a published port: who answers on it, through real engines and from the host's own loopback."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from dnslib import DNSRecord

from engine.host.failpoints import KILLED
from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers.shared_engine import cleared_afterwards, engine_with_image, refusal
from tests.engine.host.networks.conftest import Place

pytestmark = pytest.mark.host

GROUP = ("-l", "naru.shared-ports=web")
SERVE = """
mkdir -p /w/cgi-bin; echo -n "$NAME" > /w/index.html; touch /ok
printf '#!/bin/sh\\necho; echo $NAME; until [ -e /over ]; do sleep 0.05; done; echo over' > /w/cgi-bin/slow
chmod +x /w/cgi-bin/slow; exec httpd -f -p 80 -h /w
"""
HEALTH = ("--health-cmd", "test -e /ok", "--health-interval", "100ms", "--health-retries", "2")
DEATHS = ("started.row", "exit.record", "overlay.mount", "conmon.spawn", "network.connect", "runtime.start")
REQUEST_LIMIT_S = 5.0


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture
def docker(shared: RunningEngine) -> Iterator[RunningEngine]:
    with cleared_afterwards(shared):
        yield shared


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def run(docker: RunningEngine, name: str, port: int, *arguments: str, command: str = SERVE) -> None:
    named = ("--name", name, "-e", f"NAME={name}", "--stop-timeout", "0")
    docker.docker("run", "-d", *named, *GROUP, "-p", f"{port}:80", *arguments, IMAGE, "sh", "-c", command)


def ask(port: int, *, address: str = "127.0.0.1") -> str:
    """Who answers. Raises OSError when nobody does."""
    with socket.create_connection((address, port), timeout=REQUEST_LIMIT_S) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head:
        raise ConnectionError(f"answered {answer!r}")
    return body.decode()


def answering(port: int, *, times: int = 40) -> set[str]:
    found = set()
    for _ in range(times):
        with contextlib.suppress(OSError):
            found.add(ask(port))
    return found


def wait_for(port: int, *names: str) -> None:
    """Until exactly these answer."""
    wait_until(lambda: answering(port) == set(names), limit_s=20, what=f"{names} answer")


@dataclass
class Load:
    """Asks one time after the other until told to stop."""

    port: int
    answers: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.answers[ask(self.port)] += 1
            except OSError as error:
                self.errors.append((time.monotonic(), repr(error)))

    def wait_for_more(self, count: int = 30) -> None:
        enough = self.answers.total() + count
        wait_until(lambda: self.answers.total() >= enough, limit_s=20, what="the load goes on")


def test_all_of_a_group_answer_on_one_port(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two", "three"):
        run(docker, name, port)
    wait_for(port, "one", "two", "three")
    assert docker.out("port", "two", "80").splitlines()[0] == f"0.0.0.0:{port}"
    info = json.loads(docker.out("info", "--format", "{{json .Labels}}"))
    assert "naru.shared-ports=1" in info


def test_another_group_or_none_is_refused(docker: RunningEngine, port: int) -> None:
    run(docker, "one", port)
    for labels in ((), ("-l", "naru.shared-ports=other"), ("-l", "naru.shared-ports=")):
        words = refusal(docker, "run", "--rm", *labels, "-p", f"{port}:80", IMAGE, "true")
        assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in words
    words = refusal(docker, "run", "--rm", *GROUP, "-p", f"127.0.0.1:{port}:80", IMAGE, "true")
    assert "port is already allocated" in words
    assert answering(port) == {"one"}


def test_members_are_stopped_one_by_one_and_no_request_fails(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two", "three"):
        run(docker, name, port)
    wait_for(port, "one", "two", "three")
    with Load(port) as load:
        for name in ("one", "two", "three"):
            load.wait_for_more()
            docker.docker("restart", name)
            wait_for(port, "one", "two", "three")
        load.wait_for_more()
        docker.docker("stop", "two", "three")
        load.wait_for_more()
    assert load.errors == []
    assert answering(port) == {"one"}


def test_one_that_is_killed_is_out_at_once_and_comes_back(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two", "three"):
        run(docker, name, port, "--restart", "always")
    wait_for(port, "one", "two", "three")
    pid = int(docker.out("inspect", "--format", "{{.State.Pid}}", "two"))
    with Load(port) as load:
        load.wait_for_more()
        os.kill(pid, signal.SIGKILL)
        load.wait_for_more(200)
        wait_for(port, "one", "two", "three")
    assert int(docker.out("inspect", "--format", "{{.RestartCount}}", "two")) == 1
    times = [at for at, _ in load.errors]
    assert not times or times[-1] - times[0] < 1.0, load.errors


class SlowRequest:
    """Under way from the moment it is made; ``name`` is who answers it."""

    def __init__(self, port: int) -> None:
        self.client = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.client.sendall(b"GET /cgi-bin/slow HTTP/1.0\r\n\r\n")
        self._answer = self.client.makefile("r")
        while self._answer.readline().strip():
            pass
        self.name = self._answer.readline().strip()

    def rest(self) -> str:
        """Until its end, "" when it is cut off."""
        with self.client, self._answer:
            try:
                return self._answer.read().strip()
            except OSError:
                return ""


def stop(docker: RunningEngine, *names: str) -> "subprocess.Popen[bytes]":
    return docker.popen("stop", *names)


def test_a_request_is_answered_before_its_container_is_stopped(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two"):
        run(docker, name, port, "-l", "naru.drain=1m")
    wait_for(port, "one", "two")
    request = SlowRequest(port)
    other = "two" if request.name == "one" else "one"
    with stop(docker, request.name) as stopping:
        wait_for(port, other)
        assert stopping.poll() is None
        docker.docker("exec", request.name, "touch", "/over")
        assert request.rest() == "over"
        assert stopping.wait(20) == 0


def test_a_drain_has_its_limit(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two"):
        run(docker, name, port, "-l", "naru.drain=300ms")
    wait_for(port, "one", "two")
    request = SlowRequest(port)
    began = time.monotonic()
    docker.docker("stop", request.name)
    assert time.monotonic() - began >= 0.3
    assert request.rest() == ""


def test_nobody_waits_where_nothing_is_open_or_nobody_else_is_there(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two", "three"):
        run(docker, name, port, "-l", "naru.drain=1m")
    wait_for(port, "one", "two", "three")
    docker.docker("stop", "three", timeout_s=20)
    requests = [SlowRequest(port) for _ in range(6)]
    docker.docker("stop", "one", "two", timeout_s=20)
    assert {request.rest() for request in requests} == {""}


def test_what_is_no_drain_is_refused_by_name(docker: RunningEngine) -> None:
    words = refusal(docker, "create", "-l", "naru.drain=soon", IMAGE, "true")
    assert "Labels: naru.drain: " in words


def test_an_unhealthy_one_is_out_until_it_is_well_and_the_last_one_stays(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two"):
        run(docker, name, port, *HEALTH)
    wait_for(port, "one", "two")
    with Load(port) as load:
        docker.docker("exec", "one", "rm", "/ok")
        wait_for(port, "two")
        docker.docker("exec", "two", "rm", "/ok")
        wait_for(port, "one", "two")
        docker.docker("exec", "one", "touch", "/ok")
        wait_for(port, "one")
        docker.docker("exec", "two", "touch", "/ok")
        wait_for(port, "one", "two")
    assert load.errors == []


def test_one_whose_check_has_not_passed_yet_is_not_in(docker: RunningEngine, port: int) -> None:
    run(docker, "one", port)
    wait_for(port, "one")
    run(docker, "two", port, "--health-cmd", "true", "--health-interval", "1h")
    wait_until(lambda: docker.docker("exec", "two", "wget", "-qO-", "127.0.0.1:80", check=False).returncode == 0)
    assert answering(port) == {"one"}


def test_a_paused_one_is_out_until_it_goes_on(docker: RunningEngine, port: int) -> None:
    for name in ("one", "two"):
        run(docker, name, port)
    wait_for(port, "one", "two")
    with Load(port) as load:
        load.wait_for_more()
        docker.docker("pause", "one")
        load.wait_for_more()
        assert answering(port) == {"two"}
        docker.docker("unpause", "one")
        wait_for(port, "one", "two")
        docker.docker("pause", "one")
        docker.docker("stop", "one")
    assert load.errors == []
    assert answering(port) == {"two"}


def test_one_that_was_told_to_end_answers_when_nobody_else_is_left(docker: RunningEngine, port: int) -> None:
    """As pid 1 it ignores the signals that it has no handler for."""
    for name in ("one", "two"):
        run(docker, name, port)
    wait_for(port, "one", "two")
    docker.docker("kill", "--signal", "TERM", "one")
    assert answering(port) == {"two"}
    docker.docker("kill", "two")
    assert answering(port) == {"one"}


def test_names_lead_to_those_that_are_ready(docker: RunningEngine, port: int) -> None:
    docker.docker("network", "create", "shop")
    try:
        for name in ("one", "two"):
            run(docker, name, port, *HEALTH, "--network", "shop", "--network-alias", "web")
        wait_until(lambda: found(docker, "web") == 2, what="both have the name")
        docker.docker("exec", "one", "rm", "/ok")
        wait_until(lambda: found(docker, "web") == 1, what="one of them has it")
        assert found(docker, "one") == 1
        docker.docker("exec", "one", "touch", "/ok")
        wait_until(lambda: found(docker, "web") == 2, what="both have it again")
    finally:
        docker.docker("rm", "-f", "one", "two")
        docker.docker("network", "rm", "shop")


def found(docker: RunningEngine, name: str) -> int:
    """How many addresses a container is told for a name."""
    gateway = docker.out("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "shop")
    place = Place(int(docker.out("inspect", "--format", "{{.State.Pid}}", "two")))
    with contextlib.closing(place):
        client = place.open_socket(socket.SOCK_DGRAM)
        client.connect((gateway, 53))
        client.sendall(bytes(DNSRecord.question(name).pack()))
        return len(DNSRecord.parse(client.recv(4096)).rr)


def test_it_goes_on_while_no_engine_runs_and_with_the_next_one(docker: RunningEngine, port: int) -> None:
    """Engines after the first die over a member's start, or, in the full matrix, at other steps too."""
    for name in ("one", "two", "three"):
        run(docker, name, port)
    wait_for(port, "one", "two", "three")
    first, *others = DEATHS if os.environ.get("NARU_FULL_MATRIX") else DEATHS[:1]
    with Load(port) as load:
        load.wait_for_more()
        docker.kill()
        load.wait_for_more()
        start_armed(docker, first)
        load.wait_for_more()
        wait_for(port, "one", "two", "three")
    assert load.errors == []
    docker.docker("kill", "three")
    die(docker, "start", "three")
    for point in others:
        start_armed(docker, point)
        wait_for(port, "one", "two")
        if point == "exit.record":
            docker.docker("start", "three")
        die(docker, "kill" if point == "exit.record" else "start", "three")
    assert answering(port) == {"one", "two"}
    docker.start()
    wait_for(port, "one", "two")
    assert "port is already allocated" in refusal(docker, "run", "--rm", "-p", f"{port}:80", IMAGE, "true")
    docker.docker("start", "three")
    wait_for(port, "one", "two", "three")


def start_armed(docker: RunningEngine, point: str) -> None:
    docker.variables["NARU_FAILPOINTS"] = f"{point}=exit"
    docker.start()
    del docker.variables["NARU_FAILPOINTS"]


def die(docker: RunningEngine, verb: str, name: str) -> None:
    docker.docker(verb, name, check=False)
    assert docker.process is not None
    assert docker.process.wait(20) == KILLED
