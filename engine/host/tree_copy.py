"""Copying a directory tree that a stranger made into one that a stranger may change: no link is followed, ever.

Directories are opened below one open descriptor, without symlinks (openat2(2)); files and links are made new or not at
all. Owners, modes, times, extended attributes and hard links within the tree are kept, sockets are left out.
"""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from engine.host import libc

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK: Final = 64 << 20
_NO_CLONE: Final = (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


def copy_tree(source: int, target: int) -> None:
    """All that is in the open directory ``source`` into the open directory ``target``, which becomes like it.

    Blocks. Raises OSError, FileExistsError for what is there already; what was copied until then stays.
    """
    _Copy(source, target).run()


@dataclass
class _Copy:
    source: int
    target: int
    first_names: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)

    def run(self) -> None:
        waiting, done = ["."], []
        while waiting:
            path = waiting.pop()
            waiting += self._copy_directory(path)
            done.append(path)
        for path in reversed(done):  # the deepest first: what is made in a directory changes its time
            self._finish_directory(path)

    def _copy_directory(self, path: str) -> list[str]:
        """Its files; the paths of the directories that were made in it."""
        below = []
        source, target = _open_below(self.source, path), _open_below(self.target, path)
        try:
            with os.scandir(source) as entries:
                names = [entry.name for entry in entries]
            for name in names:
                if self._copy_entry(source, target, path, name):
                    below.append(f"{path}/{name}")
        finally:
            os.close(source)
            os.close(target)
        return below

    def _copy_entry(self, source: int, target: int, path: str, name: str) -> bool:
        """True for a directory, which is made and still empty."""
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(name, 0o700, dir_fd=target)
            return True
        if stat.S_ISSOCK(status.st_mode) or self._is_linked(status, target, path, name):
            return False
        if stat.S_ISREG(status.st_mode):
            _copy_file(source, target, name)
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
            os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)
        else:
            os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=target)
            os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
            _set_mode(target, name, status.st_mode)
        return False

    def _is_linked(self, status: os.stat_result, target: int, path: str, name: str) -> bool:
        """Linked to the copy that was made of the same file under another name."""
        if status.st_nlink < 2:
            return False
        inode = (status.st_dev, status.st_ino)
        if inode not in self.first_names:
            self.first_names[inode] = (path, name)
            return False
        first_path, first_name = self.first_names[inode]
        first = _open_below(self.target, first_path)
        try:
            os.link(first_name, name, src_dir_fd=first, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(first)
        return True

    def _finish_directory(self, path: str) -> None:
        source, target = _open_below(self.source, path), _open_below(self.target, path)
        try:
            _copy_attributes(source, target)
        finally:
            os.close(source)
            os.close(target)


def _open_below(top: int, path: str) -> int:
    resolve = libc.RESOLVE_BENEATH | libc.RESOLVE_NO_SYMLINKS
    return libc.openat2(top, path, flags=_DIRECTORY, mode=0, resolve=resolve)


def _copy_file(source: int, target: int, name: str) -> None:
    reader = os.open(name, _READ, dir_fd=source)
    try:
        writer = os.open(name, _CREATE, 0o600, dir_fd=target)
        try:
            _copy_data(reader, writer)
            _copy_attributes(reader, writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _copy_data(reader: int, writer: int) -> None:
    try:
        while os.copy_file_range(reader, writer, _CHUNK):
            pass
        return
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
    while os.sendfile(writer, reader, None, _CHUNK):
        pass


def _copy_attributes(source: int, target: int) -> None:
    """Owner before mode and capabilities, which a change of owner takes away (chown(2))."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    for name in os.listxattr(source):
        with suppress(OSError):  # the file system of the target may have no such attributes
            os.setxattr(target, name, os.getxattr(source, name))
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _set_mode(directory: int, name: str, mode: int) -> None:
    """Of something that must not be opened: a device. chmod(2) would follow a link that took its place."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        if not stat.S_ISLNK(os.fstat(handle).st_mode):
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(mode))  # noqa: PTH101
    finally:
        os.close(handle)
