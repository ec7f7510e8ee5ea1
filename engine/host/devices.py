"""Device nodes for a container whose user namespace may not make any: made for it by the engine, in place of a fifo.

Whoever unpacks as that namespace's root leaves a fifo where a device belongs, with its owner, mode and time.
"""

import os
import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.host.inroot import open_in_root


@dataclass(frozen=True, slots=True)
class Device:
    """``path`` is absolute in the container; ``kind`` is S_IFCHR or S_IFBLK."""

    path: str
    kind: int
    major: int
    minor: int


def make_devices(root: Path, devices: Iterable[Device]) -> None:
    """Only where the fifo still is: the container may have moved it. Blocks. Raises OSError."""
    for device in devices:
        try:
            directory = open_in_root(root, posixpath.dirname(device.path), os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            _replace(directory, posixpath.basename(device.path), device)
        finally:
            os.close(directory)


def _replace(directory: int, name: str, device: Device) -> None:
    try:
        fifo = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISFIFO(fifo.st_mode):
            return
        os.unlink(name, dir_fd=directory)
        number = os.makedev(device.major, device.minor)
        os.mknod(name, device.kind | stat.S_IMODE(fifo.st_mode), number, dir_fd=directory)
        os.chown(name, fifo.st_uid, fifo.st_gid, dir_fd=directory, follow_symlinks=False)
        _set_mode(directory, name, stat.S_IMODE(fifo.st_mode))
        os.utime(name, ns=(fifo.st_atime_ns, fifo.st_mtime_ns), dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, FileExistsError):
        return


def _set_mode(directory: int, name: str, mode: int) -> None:
    """Past our umask, and on what was looked at: chmod(2) would follow a link that is there by now."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        if not stat.S_ISLNK(os.fstat(handle).st_mode):
            Path(f"/proc/self/fd/{handle}").chmod(mode)
    finally:
        os.close(handle)
