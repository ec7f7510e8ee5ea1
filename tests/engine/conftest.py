"""An engine of one's own: started as a program on directories of its own, purged afterwards."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest

from tests.engine import warm

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = "/usr/local/bin/docker"
BUSYBOX = "/bin/busybox"
IMAGE = "bb:1"
_START_LIMIT_S = 30


def wait_until(is_so: Callable[[], object], *, limit_s: float = 10, what: str = "") -> None:
    """Wait for a condition. Fails the test when it does not come true."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {limit_s} s: {what or is_so}"
        time.sleep(0.01)


@dataclass
class RunningEngine:
    """``root`` is short because a socket's path has at most 107 bytes."""

    root: Path
    bridge: str
    process: "warm.WarmProcess | subprocess.Popen[bytes] | None" = None
    arguments: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data_root(self) -> Path:
        return self.root / "data"

    @property
    def run_root(self) -> Path:
        return self.root / "run"

    @property
    def socket(self) -> Path:
        return self.root / "e.sock"

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def command(self, verb: str) -> list[str]:
        places = ["--data-root", str(self.data_root), "--run-root", str(self.run_root), "--socket", str(self.socket)]
        return [sys.executable, "-m", "engine", verb, *places, "--bridge", self.bridge, *self.arguments]

    def start(self) -> None:
        with (self.root / "log").open("ab") as log:
            environment = {**os.environ, **self.variables}
            # reading a machine's certificates takes a tenth of a second, and no test talks to a host that has one
            environment.pop("SSL_CERT_FILE", None)
            self.process = warm.start(self.command("serve"), out=log, err=log, env=environment)
        wait_until(self._answers, limit_s=_START_LIMIT_S, what="the engine answers")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the engine ended:\n{self.log}"
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            try:
                asking.connect(str(self.socket))
                asking.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
                return b" 200 " in asking.recv(100)
            except OSError:
                return False

    def kill(self) -> None:
        """As a crash would: no chance to clean up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def purge(self) -> None:
        self.stop()
        done = warm.run(self.command("purge"))
        assert done.returncode == 0, done.stderr.decode()
        shutil.rmtree(self.root)

    def docker(
        self, *arguments: str, check: bool = True, input: bytes | None = None, timeout_s: float = 60
    ) -> "subprocess.CompletedProcess[bytes]":
        done = subprocess.run(
            [DOCKER, *arguments], env=self.environment, capture_output=True, input=input, timeout=timeout_s
        )
        if check:
            assert done.returncode == 0, f"docker {arguments}: {done.stderr.decode()}\n{self.log}"
        return done

    def popen(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """The caller waits for it."""
        return subprocess.Popen(
            [DOCKER, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def out(self, *arguments: str) -> str:
        return self.docker(*arguments).stdout.decode().strip()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.root / "docker")}

    def mounts(self) -> list[str]:
        """Mount points of containers in the engine's own mount namespace."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/mountinfo").read_text().splitlines()
        return [line.split()[4] for line in lines if f"{self.run_root}/containers" in line]

    def leftovers(self) -> list[str]:
        """Everything on the host that belongs to some container of this engine."""
        places = (self.data_root / "containers", self.run_root / "containers", self.run_root / "runtime")
        files = [
            str(path) for place in (*places, self.run_root / "exits") if place.is_dir() for path in place.iterdir()
        ]
        return [*files, *self.mounts(), *self.cgroups(), *self.links()]

    def cgroups(self) -> list[str]:
        found: list[str] = []
        # no deeper: groups of others come and go there while one looks
        for pattern in ("", "*/", "*/*/"):
            for parent in Path("/sys/fs/cgroup").glob(f"{pattern}{self.cgroup_parent}"):
                found += [str(path) for path in parent.iterdir() if path.is_dir()]
        return found

    @property
    def cgroup_parent(self) -> str:
        from engine.config import EngineConfig

        return EngineConfig(data_root=self.data_root).cgroup_parent

    def links(self) -> list[str]:
        """Interfaces that stand on this engine's bridge."""
        ports = Path(f"/sys/class/net/{self.bridge}/brif")
        return [path.name for path in ports.iterdir()] if ports.is_dir() else []


@contextlib.contextmanager
def running_engine(*arguments: str, kind: type[RunningEngine] = RunningEngine) -> Iterator[RunningEngine]:
    token = uuid.uuid4().hex[:8]
    root = Path(f"/tmp/nr-{token}")
    root.mkdir(mode=0o711)
    engine = kind(root=root, bridge=f"nr{token}", arguments=list(arguments))
    try:
        engine.start()
        yield engine
    finally:
        engine.purge()


@pytest.fixture
def engine() -> Iterator[RunningEngine]:
    """A fresh engine without images."""
    with running_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def busybox_tar() -> bytes:
    """A root file system: busybox under all its names."""
    archive = BytesIO()
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, check=True).stdout.decode().split()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "var"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(directory)
        tar.add(BUSYBOX, "bin/busybox")
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n")):
            entry = tarfile.TarInfo(f"etc/{name}")
            entry.size = len(text)
            tar.addfile(entry, BytesIO(text.encode()))
    return archive.getvalue()


@pytest.fixture
def image(engine: RunningEngine, busybox_tar: bytes) -> str:
    """The name of an image in ``engine`` that has busybox."""
    engine.docker("import", "-", IMAGE, input=busybox_tar)
    return IMAGE
