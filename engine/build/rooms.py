"""Private directories for one build step: on the disk, and in memory for what must not reach one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.host.memory_files import make_memory_directory, sweep_memory_directories
from engine.host.removal import remove_tree

_PREFIX = "build-"


class Rooms:
    """Every method blocks. ``root`` is private; ``instance`` tells this engine's from others' in /dev/shm."""

    def __init__(self, root: Path, instance: str) -> None:
        self.root = root
        self._memory_prefix = f"naru-{instance}-"

    def sweep(self) -> None:
        """Remove what builds left that were killed with their engine. No build runs yet."""
        for left in self.root.glob(f"{_PREFIX}*"):
            remove_tree(left)
        sweep_memory_directories(self._memory_prefix)

    @contextmanager
    def room(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.root))
        try:
            yield path
        finally:
            remove_tree(path)

    @contextmanager
    def memory_room(self) -> Iterator[Path]:
        path = make_memory_directory(self._memory_prefix)
        try:
            yield path
        finally:
            remove_tree(path)
