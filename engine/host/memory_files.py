"""Small files that must not reach a disk: directories in the host's /dev/shm, which is memory."""

import tempfile
from pathlib import Path

from engine.host.removal import remove_tree
from engine.model.errors import Unavailable

_PLACE = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it, for us alone


def make_memory_directory(prefix: str) -> Path:
    """A new empty directory for its owner only; the caller removes it. Raises Unavailable where there is no tmpfs."""
    if not _is_memory():
        raise Unavailable(f"{_PLACE} is no tmpfs: there is no place for secrets that is surely not on a disk")
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_PLACE))


def sweep_memory_directories(prefix: str) -> None:
    """What a process of ours with this ``prefix``, now dead, left."""
    for left in _PLACE.glob(f"{prefix}*"):
        remove_tree(left)


def _is_memory() -> bool:
    """proc(5), mountinfo: the mount point is the fifth field, the file system's type follows the "-"."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    fields = [line.split(" ") for line in lines]
    kinds = [words[words.index("-") + 1] for words in fields if words[4] == str(_PLACE)]
    return bool(kinds) and kinds[-1] == "tmpfs"
