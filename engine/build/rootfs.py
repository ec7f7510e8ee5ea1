"""The file system of an image, mounted for us alone, as a ``Tree``."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.build.tree import Node, bytes_of, text_of
from engine.host.archive import Entry, Kind, kind_of
from engine.model.errors import Invalid, Unavailable

_CHUNK = 1 << 20
_ABSENT = (FileNotFoundError, NotADirectoryError)
_KEPT_XATTRS = ("user.", "security.capability", "system.posix_acl_")


class Rootfs:
    """Nobody else may change the tree meanwhile: a path whose components were looked at is then safe to use."""

    def __init__(self, root: Path) -> None:
        self._root = bytes_of(str(root))

    def lookup(self, path: str) -> Node | None:
        place = self._place(path)
        try:
            status = os.lstat(place)
            target = os.readlink(place) if stat.S_ISLNK(status.st_mode) else b""  # noqa: PTH115 - bytes in, bytes out
        except _ABSENT:
            return None
        except OSError as error:
            raise Invalid(f"{path[:80]!r}: {error.strerror}") from error
        kind = kind_of(status.st_mode)
        if kind is None:
            return None  # a socket: no archive can hold one
        entry = Entry(
            name=b"",
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size_bytes=status.st_size if kind is Kind.FILE else 0,
            mtime_ns=status.st_mtime_ns,
            target=target,
            device=(os.major(status.st_rdev), os.minor(status.st_rdev)),
            xattrs=_xattrs(place) if kind is Kind.FILE else {},
        )
        inode = (status.st_dev, status.st_ino) if kind is Kind.FILE and status.st_nlink > 1 else None
        return Node(path, entry, inode)

    def names(self, path: str) -> list[str]:
        with os.scandir(self._place(path)) as entries:
            return sorted(text_of(entry.name) for entry in entries)

    def content(self, node: Node) -> Iterator[bytes]:
        descriptor = os.open(self._place(node.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            left = node.entry.size_bytes
            while left:
                piece = file.read(min(left, _CHUNK))
                if not piece:
                    raise Unavailable(f"{node.path[:80]!r} changed while it was read")
                left -= len(piece)
                yield piece

    def _place(self, path: str) -> bytes:
        return self._root + b"/" + bytes_of(path)


def _xattrs(place: bytes) -> dict[bytes, bytes]:
    try:
        names = [name for name in os.listxattr(place, follow_symlinks=False) if name.startswith(_KEPT_XATTRS)]
        return {os.fsencode(name): os.getxattr(place, name, follow_symlinks=False) for name in sorted(names)}
    except OSError:
        return {}  # the file system keeps none
