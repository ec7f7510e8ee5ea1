"""An engine whose data root is a small disk: ext4 in a file, in a mount namespace that ends with the test.

For power cuts the file lies on a second such disk. While that one is frozen (fsfreeze(8)) nothing more reaches the
file, so a copy of it is what a power cut at that moment leaves: all that the inner disk has been given, in an order it
may have been given in, and nothing that the kernel still had in memory.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.conftest import REPOSITORY, RunningEngine, running_engine

_MIB = 1 << 20
_LIMIT_S = 60


@dataclass
class Namespace:
    """A mount namespace of its own, as long as ``holder`` lives; nothing mounted in it is seen outside."""

    holder: "subprocess.Popen[bytes]"

    @property
    def enter(self) -> list[str]:
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--"]

    def run(self, *command: object) -> None:
        words = [*self.enter, *map(str, command)]
        done = subprocess.run(words, capture_output=True, timeout=_LIMIT_S)
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"

    def seen(self, path: Path) -> Path:
        return Path(f"/proc/{self.holder.pid}/root{path}")


@contextmanager
def mount_namespace() -> Iterator[Namespace]:
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            yield Namespace(holder)
        finally:
            holder.kill()


@dataclass
class EngineOnDisk(RunningEngine):
    """``mounted`` is what the disk is made of. ``disk`` is its data root, to be looked at from outside."""

    namespace: Namespace | None = None
    mounted: Path = field(default_factory=Path)

    @property
    def disk(self) -> Path:
        assert self.namespace is not None
        return self.namespace.seen(self.root / "data")

    def command(self, verb: str) -> list[str]:
        assert self.namespace is not None
        return [*self.namespace.enter, "env", "-C", str(REPOSITORY), *super().command(verb)]

    def start(self) -> None:
        if not self.is_mounted:
            assert self.namespace is not None
            (self.root / "data").mkdir(exist_ok=True, mode=0o711)
            self.namespace.run("mount", "-o", "loop", self.mounted, self.root / "data")
            self.disk.chmod(0o711)
        super().start()

    @property
    def is_mounted(self) -> bool:
        return self.disk.is_dir() and self.disk.stat().st_dev != self.root.stat().st_dev


def make_disk(path: Path, *, mib: int) -> None:
    with path.open("wb") as file:
        file.truncate(mib * _MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1", str(path)], check=True, timeout=_LIMIT_S)


@contextmanager
def engine_on(file: Path, namespace: Namespace, *arguments: str) -> Iterator[EngineOnDisk]:
    """An engine on the disk in ``file``, as ``namespace`` sees it."""

    def kind(**more: object) -> EngineOnDisk:
        return EngineOnDisk(namespace=namespace, mounted=file, **more)  # type: ignore[arg-type]

    with running_engine(*arguments, kind=kind) as engine:  # type: ignore[arg-type]
        assert isinstance(engine, EngineOnDisk)
        yield engine


def need_loop_devices(directory: Path) -> None:
    """Skip where there are none, as in most containers."""
    probe = directory / "probe"
    make_disk(probe, mib=4)
    (directory / "mnt").mkdir()
    with mount_namespace() as namespace:
        words = [*namespace.enter, "mount", "-o", "loop", str(probe), str(directory / "mnt")]
        done = subprocess.run(words, capture_output=True, timeout=_LIMIT_S)
    if done.returncode or shutil.which("fsfreeze") is None:
        pytest.skip(f"needs loop devices: {done.stderr.decode().strip()}")
