"""What an engine says and refuses at its start about the walls that it can build on this host."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import REPOSITORY, RunningEngine, running_engine
from tests.engine.host.isolation.conftest import PROBE_IMAGE

pytestmark = pytest.mark.host

WITHOUT = "containers have no user namespace"


@pytest.fixture
def no_user_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a host that makes none: the program that makes them for the engine fails."""
    (tmp_path / "unshare").write_text("#!/bin/sh\necho 'unshare failed: No space left on device' >&2\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


@pytest.mark.usefixtures("no_user_namespaces")
def test_an_engine_that_requires_user_namespaces_does_not_run_without(tmp_path: Path) -> None:
    engine = RunningEngine(root=tmp_path, bridge="nr-none", arguments=["--userns", "require"])
    done = subprocess.run(engine.command("serve"), cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    try:
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith("naru engine: no container runtime works with user namespaces (--userns require): ")
        assert "this kernel makes no user namespace" in last
        assert not engine.socket.exists()
    finally:
        subprocess.run(engine.command("purge"), cwd=REPOSITORY, check=True, capture_output=True, timeout=60)


@pytest.mark.usefixtures("no_user_namespaces")
def test_an_engine_that_prefers_them_says_that_it_has_none() -> None:
    with running_engine() as engine:
        assert "before it: crun" in engine.log
        assert f"WARNING: {WITHOUT}, which does not work on this host" in engine.docker("info").stderr.decode()


def test_they_can_be_switched_off(busybox_tar: bytes) -> None:
    with running_engine("--userns", "off") as engine:
        assert f"WARNING: {WITHOUT}, which is switched off" in engine.docker("info").stderr.decode()
        engine.docker("import", "-", "bb:1", input=busybox_tar)
        assert engine.out("run", "--rm", "bb:1", "cat", "/proc/self/uid_map").split() == ["0", "0", "4294967295"]


def test_every_component_is_judged_in_the_log(isolated: RunningEngine) -> None:
    runtime = isolated.arguments[-1]
    for component in (runtime, "conmon", "kernel", "libseccomp"):
        assert re.search(rf"engine.oci.components: {component} \S+(:| has) ", isolated.log), component
    warnings = isolated.docker("info").stderr.decode()
    assert WITHOUT not in warnings
    for line in re.findall(r"WARNING engine.oci.components: (.*)", isolated.log[isolated.log.rindex("probe:") :]):
        assert line.split("; ")[0].split(": ")[0] in warnings


def test_no_container_can_write_to_the_runtime(isolated: RunningEngine) -> None:
    assert isolated.process is not None
    (path,) = {Path(line).resolve() for line in _which(isolated.arguments[-1])}
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    mounts = Path(f"/proc/{isolated.process.pid}/mountinfo").read_text().splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert "ro" in options[str(path)]
    # with the runtime itself as the program, which is the way in of CVE-2019-5736
    isolated.docker("run", "--rm", PROBE_IMAGE, "/proc/self/exe", "--version", check=False)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def _which(name: str) -> list[str]:
    return subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.split()
