"""Images that can tell whether they are whole, and what an engine has on disk."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from tests.engine.conftest import RunningEngine, wait_until
from tests.engine.host.images.archives import BUSYBOX, DockerArchive, busybox_layer, member, tar_of

LOADED = "test/busybox:1"
_FILES = 40


def checked_layer(*, seed: int = 0, size_bytes: int = 20_000) -> bytes:
    """Files of random bytes below /data-SEED, and their sums, with busybox's, in /sums/SEED."""
    files = {f"data-{seed}/{number}": os.urandom(size_bytes) for number in range(_FILES)}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    sums["bin/busybox"] = hashlib.sha256(BUSYBOX.read_bytes()).hexdigest()
    listed = "".join(f"{digest}  /{name}\n" for name, digest in sums.items())
    return tar_of(*(member(name, data) for name, data in files.items()), member(f"sums/{seed}", listed.encode()))


def checked_archive(*, tag: str = LOADED, seed: int = 0, size_bytes: int = 20_000) -> bytes:
    return DockerArchive([busybox_layer(), checked_layer(seed=seed, size_bytes=size_bytes)], tags=[tag]).tar()


def assert_whole(engine: RunningEngine, image: str) -> None:
    """Runs, and every file has the content that it was made with."""
    program = "for list in /sums/*; do busybox sha256sum -cs $list || exit 1; done; echo whole"
    done = engine.docker("run", "--rm", "--network", "none", image, "/bin/busybox", "sh", "-c", program, check=False)
    assert done.stdout == b"whole\n", f"{image}: {done.stderr.decode()}\n{engine.log[-3000:]}"


def images(engine: RunningEngine) -> list[str]:
    """Ids of all that are listed, those without a name included."""
    return engine.out("images", "--all", "--quiet", "--no-trunc").split()


def stored(engine: RunningEngine, root: Path | None = None) -> set[str]:
    """Every blob, layer, draft and container directory in its data root, with each one's bytes.

    ``root``: where the data root is seen from here.
    """
    found = set()
    for place in ("blobs/sha256", "layers", "tmp", "containers"):
        directory = (root or engine.data_root) / place
        for path in directory.iterdir() if directory.is_dir() else ():
            found.add(f"{place}/{path.name} {size_bytes(path)}")
    return found


def assert_stored(engine: RunningEngine, expected: set[str], root: Path | None = None) -> None:
    """Soon, for what was taken down may still be erased."""
    with suppress(AssertionError):  # said better below
        wait_until(lambda: stored(engine, root) == expected, limit_s=5)
    assert stored(engine, root) == expected


def size_bytes(path: Path) -> int:
    """Of a file, or of all files in a directory."""
    if not path.is_dir():
        return path.lstat().st_size
    return sum(Path(directory, name).lstat().st_size for directory, _, names in os.walk(path) for name in names)
