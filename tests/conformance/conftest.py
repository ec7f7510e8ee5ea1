"""Two engines that are asked the same: ours, and a private dockerd where one is installed."""

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import BUSYBOX, running_engine

IMAGE = "conformance/busybox:1"
_START_LIMIT_S = 60


@pytest.fixture(scope="session")
def image_archive() -> bytes:
    """An image in docker-archive form; of the same content each time, so that both engines give it the same id."""
    layer = io.BytesIO()
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, check=True).stdout.decode().split()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        program = Path(BUSYBOX).read_bytes()
        entry = tarfile.TarInfo("bin/busybox")
        entry.mode, entry.size = 0o755, len(program)
        tar.addfile(entry, io.BytesIO(program))
        for applet in sorted(set(applets) - {"busybox"}):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": {
            "Env": ["PATH=/bin", "FROM=image"],
            "Cmd": ["sh"],
            "Labels": {"of": "image"},
            "WorkingDir": "/tmp",
            "ExposedPorts": {"53/udp": {}},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"]},
        "history": [
            {"created": "2024-01-02T03:04:05Z", "created_by": "ADD rootfs"},
            {"created": "2024-01-02T03:04:05Z", "created_by": "CMD sh", "empty_layer": True},
        ],
    }
    document = json.dumps(config).encode()
    name = hashlib.sha256(document).hexdigest()
    manifest = [{"Config": f"{name}.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file, data in (
            ("manifest.json", json.dumps(manifest).encode()),
            (f"{name}.json", document),
            ("layer.tar", layer.getvalue()),
        ):
            entry = tarfile.TarInfo(file)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


@pytest.fixture(scope="session")
def ours(image_archive: bytes) -> Iterator[Client]:
    with running_engine() as engine:
        yield _with_image(Client(engine.socket), image_archive)


@pytest.fixture(scope="session")
def dockers(image_archive: bytes) -> Iterator[Client]:
    if shutil.which("dockerd") is None:
        pytest.skip("dockerd is not installed")
    with private_dockerd() as socket:
        yield _with_image(Client(socket), image_archive)


def _with_image(client: Client, archive: bytes) -> Client:
    answer = client.ask("POST", "/images/load?quiet=1", archive, content_type="application/x-tar")
    assert answer.status == 200, answer.body
    return client


@contextlib.contextmanager
def private_dockerd() -> Iterator[Path]:
    """In a network namespace of its own, so that its rules and ours do not meet."""
    netns = f"nrconf{uuid.uuid4().hex[:6]}"
    root = Path(tempfile.mkdtemp(prefix="nr-dockerd-"))
    inside = ["nsenter", f"--net=/run/netns/{netns}"]
    subprocess.run(["ip", "netns", "add", netns], check=True)
    try:
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        with (root / "log").open("wb") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [*inside, "dockerd", "--data-root", f"{root}/data", "--exec-root", f"{root}/exec"]
                + ["-H", f"unix://{root}/d.sock", "--pidfile", f"{root}/pid", "--cgroup-parent", f"/{netns}"]
                + ["--default-address-pool", "base=10.202.0.0/16,size=24"],
                stdout=log,
                stderr=log,
            )
        try:
            _wait_for(root / "d.sock", process, root / "log")
            yield root / "d.sock"
        finally:
            process.terminate()
            process.wait(30)
            _unmount_below(root)
    finally:
        subprocess.run(["ip", "netns", "delete", netns], check=False)
        for parent in Path("/sys/fs/cgroup").glob(f"**/{netns}"):
            with contextlib.suppress(OSError):
                parent.rmdir()
        shutil.rmtree(root, ignore_errors=True)


def _unmount_below(root: Path) -> None:
    """What a dockerd leaves mounted when it is stopped; deepest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((one for one in points if one.startswith(f"{root}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False)


def _wait_for(socket: Path, process: "subprocess.Popen[Any]", log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.skip(f"dockerd does not start here: {log.read_text()[-500:]}")
        with contextlib.suppress(OSError):
            if Client(socket).ask("GET", "/_ping").status == 200:
                return
        time.sleep(0.05)
    pytest.skip("dockerd did not answer in time")
