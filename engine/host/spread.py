"""Where ext4 puts what is made in a directory."""

import array
import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

_GET_FLAGS: Final = 0x80086601  # FS_IOC_GETFLAGS, linux/fs.h; for 64 bits
_SET_FLAGS: Final = 0x40086602
_TOP_DIRECTORY: Final = 0x00020000  # FS_TOPDIR_FL, which chattr(1) calls T


def spread_directories(directory: Path) -> None:
    """Have each directory made in ``directory`` begin in a part of the disk with room, away from its siblings.

    Else all go where ``directory`` is, and ext4, which leaves the inode of a deleted file alone for minutes, looks
    through those of the trees removed last for each new file: 0.6 ms of processor time a file instead of 0.03, when an
    image is loaded, or a container made, after others were removed. Other file systems know nothing of this and are
    left as they are.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = array.array("l", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, _GET_FLAGS, flags, True)
            flags[0] |= _TOP_DIRECTORY
            fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    finally:
        os.close(descriptor)
