"""What a container is given of the host's devices stays the host's."""

import os
import threading
from pathlib import Path

import pytest

from tests.engine.conftest import RunningEngine

pytestmark = pytest.mark.host


def test_a_container_cannot_change_the_host_s_null_device(engine: RunningEngine, image: str) -> None:
    node = Path("/dev/null")
    before = node.stat()
    engine.docker("run", "--rm", image, "sh", "-c", "chmod 0640 /proc/self/fd/0; chmod 0640 /dev/null", check=False)
    after = node.stat()
    node.chmod(0o666)  # a failure here must not stay with the machine
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, 0, 0)


def test_the_host_s_null_device_is_root_s_at_every_moment(engine: RunningEngine, image: str) -> None:
    owners: set[int] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            owners.add(os.stat("/dev/null").st_uid)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for user in range(1000, 1008):
            engine.docker("run", "--rm", "-u", str(user), image, "sh", "-c", "echo ok > /dev/null")
    finally:
        is_over.set()
        looking.join()
    assert owners == {0}
