"""Opening files inside a tree that a stranger filled: links resolve as if the tree were the root (openat2(2))."""

import ctypes
import os
from pathlib import Path
from typing import Final

_OPENAT2: Final = 437
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _OpenHow(ctypes.Structure):
    """struct open_how of linux/openat2.h."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def open_in_root(root: Path, path: str, flags: int, *, mode: int = 0) -> int:
    """A descriptor, close-on-exec; ``path`` is taken from ``root``, and neither ``..`` nor a link leaves it.

    Raises OSError.
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = _OpenHow(flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        done = _libc.syscall(_OPENAT2, directory, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if done < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return int(done)
    finally:
        os.close(directory)
