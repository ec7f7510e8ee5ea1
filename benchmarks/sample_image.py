"""An image to measure with, as ``docker save`` of Docker 20.10 writes it, and a registry on this machine for it."""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contenders import REPOSITORY, daemon, wait_for

PORT = 5000
NAME = f"localhost:{PORT}/benchmark/sample:1"
FILES = 9_000
MEGABYTES = 187
_SHARES = (0.55, 0.25, 0.15, 0.05)  # of the layers: a base, and less and less upon it
_TEXT = b"text and more of it, line by line, as programs have it in their data\n"
_INSIDE = "NARU_BENCHMARK_INSIDE"


def enter_network(module: str) -> None:
    """Start ``module`` over in a network namespace that has nothing but a loopback device."""
    if os.environ.get(_INSIDE):
        return
    command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    command += [sys.executable, "-m", module, *sys.argv[1:]]
    raise SystemExit(subprocess.run(command, cwd=REPOSITORY, env={**os.environ, _INSIDE: "1"}, check=False).returncode)


@contextmanager
def registry(work: Path) -> Iterator[None]:
    """Debian's docker-registry, at PORT."""
    program = shutil.which("docker-registry")
    if program is None:
        raise SystemExit("docker-registry is needed: install the package of that name")
    config = work / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(work / "registry")}}
    http = {"addr": f"127.0.0.1:{PORT}"}
    config.write_text(json.dumps({"version": "0.1", "log": {"level": "error"}, "storage": storage, "http": http}))
    with daemon([program, "serve", str(config)], work / "registry.log"):
        wait_for(_listens, "docker-registry", work / "registry.log")
        yield


def _listens() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
        return True
    return False


def write_archive(path: Path, *, files: int = FILES, megabytes: int = MEGABYTES) -> None:
    """Layers uncompressed, as Docker 20.10 has them."""
    layers = [
        _layer(number, files=round(files * share), size_bytes=round(megabytes * 1_000_000 * share))
        for number, share in enumerate(_SHARES)
    ]
    diff_ids = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [NAME], "Layers": names}]).encode()
    with path.open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name, layer in zip(names, layers, strict=True):
            _add(tar, name, layer)
        _add(tar, "config.json", config)
        _add(tar, "manifest.json", manifest)


def _layer(number: int, *, files: int, size_bytes: int) -> bytes:
    """Files of which one half can be compressed and the other not, as programs and text are mixed in real images.

    Most are small and a few large, in directories of fifty.
    """
    chance = random.Random(number)
    weights = [chance.lognormvariate(0, 1.2) for _ in range(files)]
    scale = size_bytes / sum(weights)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file, weight in enumerate(weights):
            _add(tar, f"layer{number}/{file // 50}/{file}", _content(chance, round(weight * scale)))
    return buffer.getvalue()


def _content(chance: random.Random, size_bytes: int) -> bytes:
    noise = chance.randbytes(size_bytes // 2)
    return (noise + _TEXT * (size_bytes // 2 // len(_TEXT) + 1))[:size_bytes]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
