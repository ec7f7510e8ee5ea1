"""A data root of 96 MB that fills up: requests fail in plain words, nothing half-made stays, what runs goes on."""

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from tests.engine.conftest import wait_until
from tests.engine.host.durability.conftest import (
    LOADED,
    assert_stored,
    assert_whole,
    checked_archive,
    images,
    stored,
)
from tests.engine.host.durability.disks import EngineOnDisk, engine_on, make_disk, mount_namespace, need_loop_devices

pytestmark = pytest.mark.host
_NO_SPACE = "no space left on device"
_MIB = 1 << 20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineOnDisk]:
    """It has ``LOADED``, and a container ``goes-on`` of it that says a number every tenth of a second."""
    directory = tmp_path_factory.mktemp("full")
    need_loop_devices(directory)
    make_disk(directory / "small.img", mib=96)
    with mount_namespace() as namespace, engine_on(directory / "small.img", namespace) as engine:
        engine.docker("load", input=checked_archive())
        program = "i=0; while busybox sleep 0.1; do i=$((i+1)); busybox echo $i > /dev/shm/i; done"
        engine.docker("run", "-d", "--name", "goes-on", LOADED, "/bin/busybox", "sh", "-c", program)
        yield engine


@pytest.fixture
def engine(small: EngineOnDisk) -> Iterator[EngineOnDisk]:
    yield small
    for name in small.out("ps", "--all", "--format", "{{.Names}}").split():
        if name != "goes-on":
            small.docker("rm", "--force", name)
    goes_on(small)


def goes_on(engine: EngineOnDisk) -> None:
    """The container that ran before the disk was full still does its work."""

    def count() -> int:
        # read while it is written it is empty
        return int(engine.out("exec", "goes-on", "/bin/busybox", "cat", "/dev/shm/i") or 0)

    before = count()
    wait_until(lambda: count() > before)


def _write_for_ever(file: FileIO, size: int) -> None:
    while True:
        file.write(os.urandom(size))


class Filler:
    """A file that takes all the room there is."""

    def __init__(self, engine: EngineOnDisk) -> None:
        self.path: Path = engine.disk / "filler"

    def __enter__(self) -> None:
        with self.path.open("wb", buffering=0) as file:
            for size in (_MIB, 4096, 512):
                with pytest.raises(OSError, match="No space left"):
                    _write_for_ever(file, size)

    def __exit__(self, *_: object) -> None:
        self.path.unlink()


def test_an_image_that_does_not_fit_is_refused_and_leaves_nothing(engine: EngineOnDisk) -> None:
    before, listed = stored(engine, engine.disk), images(engine)
    archive = checked_archive(tag="large:1", seed=5, size_bytes=3 * _MIB)  # 120 MB of noise
    done = engine.docker("load", input=archive, check=False)
    assert done.returncode != 0
    assert b"there is room for" in done.stderr, done.stderr
    assert_stored(engine, before, engine.disk)
    assert images(engine) == listed
    assert_whole(engine, LOADED)


def test_a_container_that_fills_the_disk_is_told_and_can_make_room_again(engine: EngineOnDisk) -> None:
    engine.docker("run", "-d", "--name", "greedy", LOADED, "/bin/busybox", "sleep", "600")
    done = engine.docker("exec", "greedy", "/bin/busybox", "sh", "-c", "busybox cat /dev/zero > /all", check=False)
    assert done.returncode != 0
    assert _NO_SPACE in done.stderr.decode().lower()
    goes_on(engine)
    refused = engine.docker("commit", "greedy", "committed:1", check=False)
    assert _NO_SPACE in refused.stderr.decode().lower(), refused.stderr
    engine.docker("exec", "greedy", "/bin/busybox", "rm", "/all")
    engine.docker("commit", "greedy", "committed:1")
    engine.docker("rmi", "committed:1")


def test_a_log_that_fills_the_disk_stops_nobody(engine: EngineOnDisk) -> None:
    engine.docker("run", "-d", "--name", "talks", LOADED, "/bin/busybox", "yes", "word " * 200)
    wait_until(lambda: os.statvfs(engine.disk).f_bavail < 16, limit_s=40, what="the disk is full")
    goes_on(engine)
    assert "talks" in engine.out("ps", "--all", "--format", "{{.Names}}")
    engine.docker("rm", "--force", "talks")
    assert os.statvfs(engine.disk).f_bavail * 4096 > 40 * _MIB


def test_nothing_is_begun_on_a_full_disk_and_everything_can_be_ended(engine: EngineOnDisk) -> None:
    engine.docker("run", "-d", "--name", "ends", LOADED, "/bin/busybox", "sleep", "600")
    engine.docker("create", "--name", "waits", LOADED, "/bin/busybox", "true")
    with Filler(engine):
        before = stored(engine, engine.disk)
        refused = engine.docker("create", "--name", "more", LOADED, "/bin/busybox", "true", check=False)
        if refused.returncode:  # a small record may still find a place in the database's log
            assert _NO_SPACE in refused.stderr.decode().lower(), refused.stderr
            assert_stored(engine, before, engine.disk)
        engine.docker("kill", "ends")
        assert engine.docker("wait", "ends", timeout_s=10).stdout == b"137\n"
        goes_on(engine)
        engine.docker("rm", "ends")
        engine.docker("rm", "waits")
    engine.kill()
    engine.start()
    assert engine.out("ps", "--all", "--format", "{{.Names}}") == "goes-on"


def test_an_engine_starts_on_a_full_disk(engine: EngineOnDisk) -> None:
    with Filler(engine):
        engine.kill()
        engine.start()
        assert images(engine)
        goes_on(engine)
    assert_whole(engine, LOADED)
