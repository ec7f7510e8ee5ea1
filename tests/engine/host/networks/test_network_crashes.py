"""The engine is killed while containers join and leave networks: what is on record is what is so, and all goes on."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.shared_engine import engine_with_image

pytestmark = pytest.mark.host

DELAYS_S = (0.02, 0.05, 0.08, 0.12, 0.17, 0.23)


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


class Busy:
    """Joins and leaves until told to stop; errors are expected while the engine is away."""

    def __init__(self, docker: RunningEngine) -> None:
        self._docker = docker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.is_set():
            for action in ("connect", "disconnect"):
                with suppress(subprocess.TimeoutExpired):
                    self._docker.docker("network", action, "joined", "busy", check=False, timeout_s=20)


def interfaces(docker: RunningEngine) -> dict[str, str]:
    """Name to address, as the container has them."""
    lines = docker.out("exec", "busy", "ip", "-o", "-4", "addr").splitlines()
    return {words[1]: words[3].partition("/")[0] for line in lines if (words := line.split())[1] != "lo"}


def on_record(docker: RunningEngine) -> set[str]:
    networks = json.loads(docker.out("inspect", "--format", "{{json .NetworkSettings.Networks}}", "busy"))
    return {each["IPAddress"] for each in networks.values()}


def test_what_is_on_record_is_what_is_so_after_each_crash(docker: RunningEngine) -> None:
    for name in ("first", "joined"):
        docker.docker("network", "create", name)
    docker.docker("run", "-d", "--network", "first", "--name", "busy", IMAGE, "sleep", "1000")
    docker.docker("run", "-d", "--network", "joined", "--name", "peer", IMAGE, "sleep", "1000")
    for delay_s in DELAYS_S:
        with Busy(docker):
            time.sleep(delay_s)  # not to wait for something: this is the moment at which it dies
            docker.kill()
        docker.start()
        assert set(interfaces(docker).values()) == on_record(docker)
        assert len(docker.links()) == 0  # of the default network, which nobody is on
        docker.docker("network", "connect", "joined", "busy", check=False)
        docker.docker("exec", "busy", "ping", "-c1", "-W2", "peer")
        docker.docker("exec", "peer", "ping", "-c1", "-W2", "busy")
        docker.docker("network", "disconnect", "joined", "busy")
    docker.docker("rm", "-f", "busy", "peer")
    docker.docker("network", "rm", "first", "joined")
