"""Everyday programs of a Debian, in a container of the profile that everybody gets."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import BUSYBOX, RunningEngine
from tests.engine.host.isolation.debian import debian_archive
from tests.engine.host.isolation.everyday import ACTIONS, Action
from tests.engine.host.isolation.packages import NAME, make_repository

# the first test ever makes the Debian, which takes a minute or two
pytestmark = [pytest.mark.host, pytest.mark.timeout(400)]

IMAGE = "debian:test"
_RAW = ("python3", "-c", "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)")
_PACKET = ("python3", "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)")


@dataclass(frozen=True)
class Box:
    """A running container."""

    engine: RunningEngine
    name: str

    def sh(self, script: str, *, user: str = "root") -> "subprocess.CompletedProcess[bytes]":
        return self.engine.docker("exec", "-u", user, self.name, "sh", "-c", script, check=False)


@pytest.fixture(scope="session")
def debian(shared_engine: RunningEngine) -> str:
    archive = debian_archive()
    shared_engine.docker("import", str(archive), IMAGE, timeout_s=120)
    return IMAGE


@pytest.fixture(scope="module")
def box(isolated: RunningEngine, debian: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """With busybox and a repository of one package. Its actions build on each other, in the order of the table."""
    isolated.docker("run", "-d", "--name", "everyday", debian, "sleep", "infinity")
    box = Box(isolated, "everyday")
    try:
        for archive in (make_repository(tmp_path_factory.mktemp("repository")), _busybox()):
            isolated.docker("exec", "-i", "everyday", "tar", "-x", "-C", "/", input=archive)
        box.sh("echo 'deb [trusted=yes] file:/repository ./' > /etc/apt/sources.list")
        yield box
    finally:
        isolated.docker("rm", "-f", "everyday")


def _busybox() -> bytes:
    packed = ["tar", "-c", "-C", str(Path(BUSYBOX).parent), "busybox"]
    return subprocess.run(packed, capture_output=True, check=True).stdout


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_everyday_programs_run(box: Box, action: Action) -> None:
    done = box.sh(action.script, user=action.user)
    stderr = done.stderr.decode()
    if action.fails_with:
        assert done.returncode != 0
        assert action.fails_with in stderr
        return
    assert done.returncode == 0, stderr
    if action.says is not None:
        assert done.stdout.decode().removesuffix("\n") == action.says, stderr


@pytest.mark.parametrize("argv", [_RAW, _PACKET], ids=["raw", "packet"])
def test_raw_sockets_come_only_by_asking(isolated: RunningEngine, debian: str, argv: tuple[str, ...]) -> None:
    refused = isolated.docker("run", "--rm", debian, *argv, check=False)
    assert refused.returncode == 1
    assert (b"PermissionError" if argv is _RAW else b"Address family not supported") in refused.stderr
    isolated.docker("run", "--rm", "--cap-add", "NET_RAW", debian, *argv)


def test_ping_cannot_be_run_without_its_capability(isolated: RunningEngine, debian: str) -> None:
    """As in Docker: the file asks for a capability that was taken away by name."""
    done = isolated.docker("run", "--rm", "--cap-drop", "NET_RAW", debian, "ping", "-c1", "127.0.0.1", check=False)
    assert done.returncode in (1, 126)
    assert b"ermitted" in done.stderr or b"ermission denied" in done.stderr


@pytest.mark.parametrize("option", ["no-new-privileges", "profile=strict", "profile=compat"])
@pytest.mark.parametrize("user", ["root", "1000"])
def test_ping_runs_in_every_profile(isolated: RunningEngine, debian: str, option: str, user: str) -> None:
    isolated.docker("run", "--rm", "-u", user, "--security-opt", option, debian, "ping", "-c1", "-W2", "127.0.0.1")


def test_strict_lets_no_setuid_program_gain(isolated: RunningEngine, debian: str) -> None:
    words = ("--security-opt", "profile=strict", "-u", "1000", debian, "sudo", "-n", "id", "-u")
    done = isolated.docker("run", "--rm", *words, check=False)
    assert done.returncode == 1
    assert b'"no new privileges" flag is set' in done.stderr


def test_the_package_was_there_to_be_installed(box: Box) -> None:
    assert NAME in box.sh("cat /repository/Packages").stdout.decode()
