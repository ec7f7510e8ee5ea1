"""Four megabytes of a data root that nothing uses, so that on a full disk there is room for what ends things.

DATA/ballast is made when an engine is ready and there is plenty of room. It goes when an engine starts with none, or
when a record cannot be written for want of it.
"""

import os
from pathlib import Path
from typing import Final

_NAME: Final = "ballast"
_BYTES: Final = 4 << 20
_PLENTY: Final = 8  # times as much is free


def take(root: Path) -> None:
    """Safe to repeat. Raises OSError."""
    path = root / _NAME
    if path.exists() or _free_bytes(root) < _PLENTY * _BYTES:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _BYTES)
    finally:
        os.close(descriptor)


def release(root: Path) -> bool:
    """True when there was some and its room is free now."""
    try:
        (root / _NAME).unlink()
    except FileNotFoundError:
        return False
    return True


def release_if_full(root: Path) -> bool:
    return _free_bytes(root) < _BYTES and release(root)


def _free_bytes(root: Path) -> int:
    status = os.statvfs(root)
    return status.f_bavail * status.f_frsize
