"""What an overlay's upper directory changes in the layers below it, as Docker tells it (moby: archive.ChangesDirs).

Two trees are compared: what shows with the upper directory and what shows without. A directory's times and size do not
count; it is told when its mode or owner differ, and as modified when anything below it is told.
"""

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.host.archive_write import MOUNT_POINTS, Found, walk
from engine.model.files import ChangeKind, FileChange

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CAPABILITY = "security.capability"


def tree_changes(upper: Path, below: Path) -> list[FileChange]:
    """Sorted, parents first. ``below`` is the merged view of the layers under ``upper``. Raises OSError.

    Leaves out what the runtime makes to mount upon.
    """
    kinds: dict[bytes, ChangeKind] = {}
    cut_off: set[bytes] = set()  # directories through which nothing of the layers below shows
    with _Below(below) as lower:
        for found in walk(upper):
            covered = lower.find(found.path)
            if covered is None and _is_mount_point(found):
                continue
            kind = _kind(found, covered, lower)
            if kind is not None:
                kinds[found.path] = kind
            if not stat.S_ISDIR(found.status.st_mode) or covered is None or not stat.S_ISDIR(covered.st_mode):
                continue
            if found.path.rpartition(b"/")[0] in cut_off or _is_opaque(found):
                cut_off.add(found.path)
                gone = set(lower.names(found.path)).difference(found.names)
                kinds.update({found.path + b"/" + name: ChangeKind.DELETED for name in gone})
    return [FileChange("/" + os.fsdecode(path), kind) for path, kind in _with_parents(kinds)]


def _with_parents(kinds: dict[bytes, ChangeKind]) -> list[tuple[bytes, ChangeKind]]:
    whole = dict(kinds)
    for path in kinds:
        while (path := posixpath.dirname(path)) and path not in whole:
            whole[path] = ChangeKind.MODIFIED
    return sorted(whole.items(), key=lambda item: item[0].split(b"/"))


def _kind(found: Found, covered: os.stat_result | None, lower: "_Below") -> ChangeKind | None:
    status = found.status
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return ChangeKind.DELETED if covered else None
    if covered is None:
        return ChangeKind.ADDED
    if _looks(status) != _looks(covered):
        return ChangeKind.MODIFIED
    if stat.S_ISDIR(status.st_mode):
        return None
    if status.st_size != covered.st_size or not _is_same_time(status.st_mtime_ns, covered.st_mtime_ns):
        return ChangeKind.MODIFIED
    own = _capability(found.directory, found.name)
    return None if own == lower.capability(found.path) else ChangeKind.MODIFIED


def _is_mount_point(found: Found) -> bool:
    if found.path not in MOUNT_POINTS:
        return False
    return not found.names if stat.S_ISDIR(found.status.st_mode) else found.status.st_size == 0


def _is_opaque(found: Found) -> bool:
    path = b"/proc/self/fd/%d/%b" % (found.directory, found.name)
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def _capability(directory: int, name: bytes) -> bytes:
    try:
        return os.getxattr(b"/proc/self/fd/%d/%b" % (directory, name), _CAPABILITY, follow_symlinks=False)
    except OSError:
        return b""


def _looks(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid, status.st_rdev


def _is_same_time(one_ns: int, other_ns: int) -> bool:
    """A time without a fraction may have lost it in an archive."""
    one, other = divmod(one_ns, 1_000_000_000), divmod(other_ns, 1_000_000_000)
    return one[0] == other[0] and (one[1] == other[1] or 0 in (one[1], other[1]))


class _Below:
    """The layers' view, looked at along a walk: only the directories on the way to the current one are open."""

    def __init__(self, root: Path) -> None:
        self._open: list[tuple[bytes, int]] = [(b"", os.open(root, _OPEN))]

    def __enter__(self) -> "_Below":
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.pop()[1])

    def find(self, path: bytes) -> os.stat_result | None:
        """Follows no symlink."""
        directory, _, name = path.rpartition(b"/")
        if not self._enter(directory):
            return None
        try:
            return os.stat(name, dir_fd=self._open[-1][1], follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self, directory: bytes) -> list[bytes]:
        """What a directory holds that ``find`` found."""
        if not self._enter(directory):
            return []
        return [os.fsencode(name) for name in os.listdir(self._open[-1][1])]  # noqa: PTH208 (a descriptor)

    def capability(self, path: bytes) -> bytes:
        directory, _, name = path.rpartition(b"/")
        return _capability(self._open[-1][1], name) if self._enter(directory) else b""

    def _enter(self, directory: bytes) -> bool:
        """Make ``directory`` the current one, if it is one."""
        while len(self._open) > 1 and not _is_within(directory, self._open[-1][0]):
            os.close(self._open.pop()[1])
        for part in _steps(self._open[-1][0], directory):
            try:
                descriptor = os.open(part.rpartition(b"/")[2], _OPEN, dir_fd=self._open[-1][1])
            except OSError:
                return False
            self._open.append((part, descriptor))
        return True


def _is_within(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory + b"/")


def _steps(here: bytes, there: bytes) -> Iterator[bytes]:
    """The directories between ``here`` and ``there``, the latter included."""
    reached = here
    for part in filter(None, there[len(here) :].split(b"/")):
        reached = reached + b"/" + part if reached else part
        yield reached
