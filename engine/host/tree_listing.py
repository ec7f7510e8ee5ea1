"""What is in a directory tree, as one fingerprint per path: to tell two trees apart and to name where they differ."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from engine.host.archive_write import Found, walk

_CHUNK: Final = 1 << 20
_VOLATILE: Final = "trusted.overlay.origin"

Listing = dict[bytes, bytes]


def listing(root: Path) -> Listing:
    """Kind, mode, owner, content, target, device, time in seconds, attributes and links of all at and below ``root``.

    Without the times of directories and whiteouts, which depend on when they were made. Blocks; raises OSError.
    """
    first: dict[tuple[int, int], bytes] = {}
    listed: Listing = {b"": _summed(_looks(root.stat()))}
    for found in walk(root):
        status = found.status
        link = first.setdefault((status.st_dev, status.st_ino), found.path) if _has_links(status) else found.path
        listed[found.path] = _summed(
            _looks(status), _content(found), link if link != found.path else b"", _xattrs(found)
        )
    return listed


def difference(found: Listing, wanted: Listing) -> str:
    """The first path, in order, that is not as wanted, and how; "" when the trees are the same."""
    for path in sorted(found.keys() | wanted.keys()):
        shown = "/" + path.decode(errors="backslashreplace")
        if path not in found:
            return f"{shown} is missing"
        if path not in wanted:
            return f"{shown} does not belong there"
        if found[path] != wanted[path]:
            return f"{shown} is not as it was"
    return ""


def _summed(*parts: object) -> bytes:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def _looks(status: os.stat_result) -> tuple[int, ...]:
    is_timeless = stat.S_ISDIR(status.st_mode) or _is_whiteout(status)
    device = status.st_rdev if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode) else 0
    return status.st_mode, status.st_uid, status.st_gid, device, 0 if is_timeless else int(status.st_mtime)


def _has_links(status: os.stat_result) -> bool:
    return status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode) and not _is_whiteout(status)


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _content(found: Found) -> bytes:
    if stat.S_ISLNK(found.status.st_mode):
        return os.readlink(found.name, dir_fd=found.directory)
    if not stat.S_ISREG(found.status.st_mode):
        return b""
    digest = hashlib.sha256()
    descriptor = os.open(found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=found.directory)
    try:
        while data := os.read(descriptor, _CHUNK):
            digest.update(data)
    finally:
        os.close(descriptor)
    return digest.digest()


def _xattrs(found: Found) -> list[tuple[str, bytes]]:
    path = b"/proc/self/fd/%d/%b" % (found.directory, found.name)
    names = sorted(set(os.listxattr(path, follow_symlinks=False)) - {_VOLATILE})
    return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
