"""How long pulling an image from a registry on this machine takes, for our engine and for a private dockerd.

    python -m benchmarks.image_pull [--rounds 3] [--megabytes 180] [--json] [--max-ratio 1.0]

Everything runs in a network namespace of its own, which this program enters first: the registry (Debian's
docker-registry), both daemons, and the client. They take turns; before each pull the image is removed and the disk's
write-back is waited for. Needs root, docker-registry and the docker client.
"""

import argparse
import contextlib
import gzip
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
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.contenders import (
    REPOSITORY,
    Contender,
    as_text,
    daemon,
    judge,
    ours,
    reference,
    temporary_directory,
    wait_for,
)

PORT = 5000
NAME = f"localhost:{PORT}/benchmark/pull:1"
LAYERS = 4
FILE_BYTES = 40_000
INSIDE = "NARU_BENCHMARK_INSIDE"


def main() -> None:
    options = arguments()
    if os.geteuid() != 0:
        raise SystemExit("must run as root: it starts container engines")
    enter_network()
    with ExitStack() as undo:
        work = Path(undo.enter_context(temporary_directory(options.work_dir)))
        undo.enter_context(registry(work))
        contenders = [undo.enter_context(ours(work, None, ""))]
        if shutil.which("dockerd"):
            contenders.append(undo.enter_context(reference(work, None, own_network=False)))
        megabytes = provide_image(contenders[0], options.megabytes)
        measure(contenders, options.rounds)
        result = report(contenders, megabytes, options.rounds)
    print(json.dumps(result, indent=2) if options.json else as_text(result))
    judge(result["ratio"], options.max_ratio)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time `docker pull` for our engine and dockerd.")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="pulls each (default 3)")
    parser.add_argument(
        "--megabytes", type=int, default=180, metavar="N", help="of the image, compressed (default 180)"
    )
    parser.add_argument("--work-dir", type=Path, default=Path("/var/tmp"), help="where daemons keep their files")
    parser.add_argument("--json", action="store_true", help="print JSON with every single time instead of text")
    parser.add_argument("--max-ratio", type=float, metavar="R", help="exit 1 if ours/dockerd of the medians exceeds R")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: two pulls are the least that have a median and a spread")
    return options


def enter_network() -> None:
    """Start over in a network namespace that has nothing but a loopback device."""
    if os.environ.get(INSIDE):
        return
    command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    command += [sys.executable, "-m", "benchmarks.image_pull", *sys.argv[1:]]
    raise SystemExit(subprocess.run(command, cwd=REPOSITORY, env={**os.environ, INSIDE: "1"}, check=False).returncode)


@contextmanager
def registry(work: Path) -> Iterator[None]:
    program = shutil.which("docker-registry")
    if program is None:
        raise SystemExit("docker-registry is needed: install the package of that name")
    config = work / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(work / "registry")}}
    http = {"addr": f"127.0.0.1:{PORT}"}
    config.write_text(json.dumps({"version": "0.1", "log": {"level": "error"}, "storage": storage, "http": http}))
    with daemon([program, "serve", str(config)], work / "registry.log"):
        wait_for(listens, "docker-registry", work / "registry.log")
        yield


def listens() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
        return True
    return False


def provide_image(contender: Contender, megabytes: int) -> float:
    """Put it into the registry by way of ``contender``; its compressed size in MB."""
    layers = [layer(number, megabytes * 1_000_000 // LAYERS) for number in range(LAYERS)]
    contender.docker("load", stdin=archive(layers))
    contender.docker("push", NAME)
    contender.docker("rmi", NAME)
    return round(sum(len(gzip.compress(one, 1)) for one in layers[:1]) * LAYERS / 1e6, 1)


def layer(number: int, compressed_bytes: int) -> bytes:
    """Files of which one half can be compressed and the other not, as programs and text are mixed in real images."""
    noise = random.Random(number)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in range(compressed_bytes // (FILE_BYTES // 2)):
            data = noise.randbytes(FILE_BYTES // 2) + b"text and more of it\n" * (FILE_BYTES // 40)
            entry = tarfile.TarInfo(f"layer{number}/{file // 100}/{file}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def archive(layers: list[bytes]) -> bytes:
    """As ``docker save`` writes it; layers uncompressed, which the engine compresses with gzip."""
    diff_ids = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [NAME], "Layers": names}]).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (("manifest.json", manifest), ("config.json", config), *zip(names, layers, strict=True)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def measure(contenders: list[Contender], rounds: int) -> None:
    for number in range(rounds):
        for contender in contenders if number % 2 else reversed(contenders):
            os.sync()
            began = time.perf_counter()
            contender.docker("pull", NAME)
            contender.times_s.append(time.perf_counter() - began)
            contender.docker("rmi", NAME)


def report(contenders: list[Contender], megabytes: float, rounds: int) -> dict[str, Any]:
    figures = [contender.figures() for contender in contenders]
    return {
        "command": f"docker pull of {megabytes:g} MB in {LAYERS} layers",
        "rounds": rounds,
        "pause_s": 0,
        "kernel": os.uname().release,
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "contenders": figures,
        "ratio": round(figures[0]["median_ms"] / figures[1]["median_ms"], 3) if len(figures) == 2 else None,
    }


if __name__ == "__main__":
    main()
