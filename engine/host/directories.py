"""What directories of a stranger's tree hold, looked at by descriptor and inside that tree."""

import contextlib
import os
import posixpath
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.host.inroot import located, open_in_root
from engine.model.files import ChangeKind, FileChange, ListedDirectory, ListedFile, SizedChange

# what one look at a directory may cost in memory, whoever filled it
_MOST_NAMES = 200_000
Names = tuple[Mapping[int, str], Mapping[int, str]]


def listed_directory(root: Path, path: str, *, limit: int, names: Names) -> ListedDirectory:
    """The first ``limit`` by name of what the directory holds; ``names`` are users and groups by number.

    Of more than 200,000 the first that the file system gives are told, and the total is 200,000. What goes away
    meanwhile is left out. Raises OSError: NotADirectoryError for what is none.
    """
    descriptor = open_in_root(root, path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = sorted(_names(descriptor))
        files = (_listed(descriptor, name, names) for name in found[:limit])
        return ListedDirectory(path, tuple(file for file in files if file is not None), len(found))
    finally:
        os.close(descriptor)


def _names(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as entries:
        return [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]


def _listed(directory: int, name: str, names: Names) -> ListedFile | None:
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        target = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else ""
    except OSError:
        return None
    users, groups = names
    return ListedFile(
        name=name,
        mode=status.st_mode,
        size_bytes=status.st_size,
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        link_target=target,
        user=users.get(status.st_uid, ""),
        group=groups.get(status.st_gid, ""),
    )


def sized(changes: Sequence[FileChange], *, upper: Path, below: Path) -> list[SizedChange]:
    """With how large what was changed is now, in ``upper``, and was in ``below``."""
    return [_sized(change, upper, below) for change in changes]


def _sized(change: FileChange, upper: Path, below: Path) -> SizedChange:
    before = _status(below, change.path) if change.kind is not ChangeKind.ADDED else None
    if change.kind is ChangeKind.DELETED:
        mode, size = (before.st_mode, _size(before)) if before else (0, 0)
        return SizedChange(change.path, change.kind, mode, size)
    now = _status(upper, change.path)
    mode, size = (now.st_mode, _size(now)) if now else (0, 0)
    was = before.st_size if before and stat.S_ISREG(before.st_mode) else None
    return SizedChange(change.path, change.kind, mode, size, was)


def _size(status: os.stat_result) -> int:
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _status(root: Path, path: str) -> os.stat_result | None:
    with contextlib.suppress(OSError), located(root, posixpath.dirname(path), posixpath.basename(path)) as found:
        return found.status
    return None
