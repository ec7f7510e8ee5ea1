"""What a container is given of the host's devices stays the host's."""

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
