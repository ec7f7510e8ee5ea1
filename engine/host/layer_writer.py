"""A layer written twice at once: as a tar, and unpacked in a directory as overlayfs reads it.

What is committed need not be unpacked again by a worker then. The entries are ours, made from a walk, so that parents
come first and no name leads astray; the directory is a draft that nobody else sees, and links in it are never followed.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.host.archive import Entry, Kind, Limits, checked
from engine.host.archive_unpack import OPAQUE, WHITEOUT, set_xattrs
from engine.host.archive_write import TarWriter

_NANOSECONDS = 1_000_000_000
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TYPES = {Kind.FIFO: stat.S_IFIFO, Kind.CHARACTER: stat.S_IFCHR, Kind.BLOCK_DEVICE: stat.S_IFBLK}


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Tee:
    """Reads ``source`` and writes what was read to a file as well."""

    def __init__(self, source: _Readable, descriptor: int) -> None:
        self._source = source
        self._descriptor = descriptor

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return data


class LayerWriter(TarWriter):
    """``directory`` is empty and ours. Call ``finish`` or ``close``. Nothing is dated later than ``newest_ns``."""

    def __init__(self, write: Callable[[bytes], object], directory: Path, *, newest_ns: int | None = None) -> None:
        super().__init__(write)
        self._newest_ns = newest_ns
        self.size_bytes = 0
        self.max_id = 0
        self._limits = Limits()
        self._root = os.fsencode(directory)
        self._open: list[tuple[bytes, int, int | None]] = [(b"", os.open(directory, _OPEN), None)]

    def add(self, entry: Entry, body: _Readable | bytes | None = None) -> None:
        checked(entry, self._limits)
        if self._newest_ns is not None and entry.mtime_ns > self._newest_ns:
            entry = entry.having(mtime_ns=self._newest_ns)
        self.max_id = max(self.max_id, entry.uid, entry.gid)
        directory, _, name = entry.name.rpartition(b"/")
        self._enter(directory)
        if name.startswith(WHITEOUT):
            super().add(entry)
            self._white_out(name)
        elif entry.kind is Kind.FILE:
            self._add_file(entry, name, body)
        else:
            super().add(entry)
            self._make(entry, name)

    def finish(self) -> None:
        super().finish()
        self.close()

    def close(self) -> None:
        """Safe to repeat."""
        while self._open:
            self._leave()

    @property
    def _here(self) -> int:
        return self._open[-1][1]

    def _enter(self, directory: bytes) -> None:
        """Make it the current one. Those that are left get their times: nothing more is made in them."""
        while len(self._open) > 1 and not _is_within(directory, self._open[-1][0]):
            self._leave()
        reached = self._open[-1][0]
        for part in filter(None, directory[len(reached) :].split(b"/")):
            reached = reached + b"/" + part if reached else part
            self._open.append((reached, os.open(part, _OPEN, dir_fd=self._here), None))

    def _leave(self) -> None:
        _, descriptor, at = self._open.pop()
        if at is not None:
            os.utime(descriptor, ns=(at, at))
        os.close(descriptor)

    def _white_out(self, name: bytes) -> None:
        if name == OPAQUE:
            os.setxattr(self._here, "trusted.overlay.opaque", b"y")
        else:
            os.mknod(name[len(WHITEOUT) :], stat.S_IFCHR, os.makedev(0, 0), dir_fd=self._here)

    def _add_file(self, entry: Entry, name: bytes, body: _Readable | bytes | None) -> None:
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=self._here)
        try:
            super().add(entry, _Tee(body, descriptor) if body is not None and not isinstance(body, bytes) else body)
            os.ftruncate(descriptor, entry.size_bytes)  # it may have got shorter while it was read
            os.fchown(descriptor, entry.uid, entry.gid)
            os.fchmod(descriptor, entry.mode)  # after chown, which clears the set-id bits
            set_xattrs(descriptor, entry)
            at = _seconds(entry)
            os.utime(descriptor, ns=(at, at))
        finally:
            os.close(descriptor)
        self.size_bytes += entry.size_bytes

    def _make(self, entry: Entry, name: bytes) -> None:
        match entry.kind:
            case Kind.HARD_LINK:
                target = self._root + b"/" + entry.target
                os.link(target, name, dst_dir_fd=self._here, follow_symlinks=False)
            case Kind.SYMLINK:
                os.symlink(entry.target, name, dir_fd=self._here)
                self._describe_link(entry, name)
            case Kind.DIRECTORY:
                os.mkdir(name, 0o700, dir_fd=self._here)
                self._describe_directory(entry, name)
            case _:
                os.mknod(name, _TYPES[entry.kind] | 0o600, os.makedev(*entry.device), dir_fd=self._here)
                self._describe_link(entry, name)
                Path(os.fsdecode(self._path(name))).chmod(entry.mode)

    def _describe_directory(self, entry: Entry, name: bytes) -> None:
        descriptor = os.open(name, _OPEN, dir_fd=self._here)
        os.fchown(descriptor, entry.uid, entry.gid)
        os.fchmod(descriptor, entry.mode)
        set_xattrs(descriptor, entry)
        self._open.append((entry.name, descriptor, _seconds(entry)))

    def _describe_link(self, entry: Entry, name: bytes) -> None:
        os.chown(name, entry.uid, entry.gid, dir_fd=self._here, follow_symlinks=False)
        set_xattrs(self._path(name), entry)
        at = _seconds(entry)
        os.utime(name, ns=(at, at), dir_fd=self._here, follow_symlinks=False)

    def _path(self, name: bytes) -> bytes:
        return b"/proc/self/fd/%d/%b" % (self._here, name)


def _is_within(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory + b"/")


def _seconds(entry: Entry) -> int:
    """As a tar has it."""
    return entry.mtime_ns // _NANOSECONDS * _NANOSECONDS
