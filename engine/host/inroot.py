"""Opening files inside a tree that a stranger filled: links resolve as if the tree were the root (openat2(2))."""

import os
from pathlib import Path
from typing import Final

from engine.host import libc

_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10


def open_in_root(root: Path, path: str, flags: int, *, mode: int = 0) -> int:
    """A descriptor, close-on-exec; ``path`` is taken from ``root``, and neither ``..`` nor a link leaves it.

    Raises OSError.
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        resolve = _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS
        return libc.openat2(directory, path, flags=flags | os.O_CLOEXEC, mode=mode, resolve=resolve)
    finally:
        os.close(directory)
