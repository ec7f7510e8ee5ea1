"""A container that takes all it can get gets what it is limited to, and the engine and other containers go on."""

import errno

import pytest

from tests.engine.conftest import RunningEngine
from tests.engine.host.isolation.conftest import PROBE_IMAGE

pytestmark = pytest.mark.host


def flood(engine: RunningEngine, kind: str, *options: str) -> int:
    """The error that ended it."""
    done = engine.docker("run", "--rm", *options, PROBE_IMAGE, "/bin/probe", f"flood: {kind}")
    engine.docker("run", "--rm", PROBE_IMAGE, "/bin/true")
    return int(done.stdout)


@pytest.mark.parametrize("profile", ["default", "strict"])
def test_processes_end_at_the_profiles_limit(isolated: RunningEngine, profile: str) -> None:
    assert flood(isolated, "processes", "--security-opt", f"profile={profile}") == errno.EAGAIN


def test_processes_end_at_ones_own_limit(isolated: RunningEngine) -> None:
    assert flood(isolated, "processes", "--pids-limit", "20") == errno.EAGAIN


def test_memory_ends_with_the_container_alone(isolated: RunningEngine) -> None:
    words = ("--name", "hungry", "-m", "32m", PROBE_IMAGE, "/bin/busybox", "tail", "/dev/zero")
    done = isolated.docker("run", *words, check=False)
    try:
        assert done.returncode == 137
        assert isolated.out("inspect", "-f", "{{.State.OOMKilled}}", "hungry") == "true"
        isolated.docker("run", "--rm", PROBE_IMAGE, "/bin/true")
    finally:
        isolated.docker("rm", "-f", "hungry")


def test_descriptors_end_at_the_soft_limit(isolated: RunningEngine) -> None:
    assert flood(isolated, "descriptors") == errno.EMFILE


def test_shared_memory_ends_at_its_size(isolated: RunningEngine) -> None:
    assert flood(isolated, "shared memory") == errno.ENOSPC
    assert flood(isolated, "shared memory", "--shm-size", "1m") == errno.ENOSPC


@pytest.mark.parametrize("place", ["/tmp", "/run", "/dev"])
def test_strict_writes_no_more_than_its_scratch(isolated: RunningEngine, place: str) -> None:
    write = f"dd if=/dev/zero of={place}/flood bs=1M count=100 2>&1; echo x > /flood"
    words = ("run", "--rm", "--security-opt", "profile=strict", PROBE_IMAGE, "/bin/sh", "-c", write)
    done = isolated.docker(*words, check=False)
    assert b"No space left on device" in done.stdout
    assert b"Read-only file system" in done.stderr
