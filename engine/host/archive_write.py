"""Writing tar archives: single entries, ordinary trees, and an overlay's upper directory as an image layer.

The same tree gives the same bytes: names are sorted, times are whole seconds, owners are numbers, and PAX records
appear only where the ustar header (drawn in ``archive``) has no room. Directories are walked by descriptor, so that a
container that changes them meanwhile cannot lead the walk elsewhere.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.host.archive import BLOCK, Entry, Kind, kind_of
from engine.host.archive_unpack import OPAQUE, WHITEOUT
from engine.model.errors import Invalid, Unavailable

_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
_LONGEST_NAME = 100
_LARGEST_ID = 0o7777777
_LARGEST_NUMBER = 0o77777777777
_LONGEST_PATH = 4096
_FLAGS = {
    Kind.FILE: b"0",
    Kind.HARD_LINK: b"1",
    Kind.SYMLINK: b"2",
    Kind.CHARACTER: b"3",
    Kind.BLOCK_DEVICE: b"4",
    Kind.DIRECTORY: b"5",
    Kind.FIFO: b"6",
}
Links = dict[tuple[int, int], bytes]  # device and inode of what has several names: the first of them
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ESTALE)
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOUNT_POINTS = frozenset((b"etc/hosts", b"etc/hostname", b"etc/resolv.conf", b"dev", b"proc", b"sys"))


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class TarWriter:
    """One archive, written piece by piece through ``write``."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.entries = 0

    def add(self, entry: Entry, body: _Readable | bytes | None = None) -> None:
        """A body shorter than ``entry.size_bytes`` is filled up with zeros, a longer one is cut: the header is out."""
        self.entries += 1
        self._write(encode_header(entry))
        if entry.kind is not Kind.FILE:
            return
        if isinstance(body, bytes):
            self._write(body[: entry.size_bytes])
            left = entry.size_bytes - len(body)
        else:
            left = self._copy(body, entry.size_bytes) if body else entry.size_bytes
        while left > 0:
            self._write(_ZEROS[:left])
            left -= _CHUNK
        self._write(_ZEROS[: -entry.size_bytes % BLOCK])

    def finish(self) -> None:
        self._write(_ZEROS[: 2 * BLOCK])

    def _copy(self, body: _Readable, left: int) -> int:
        while left and (piece := body.read(min(left, _CHUNK))):
            self._write(piece)
            left -= len(piece)
        return left


def encode_header(entry: Entry) -> bytes:
    """The header block, after a PAX header where one is needed."""
    name = entry.name + b"/" if entry.kind is Kind.DIRECTORY and not entry.name.endswith(b"/") else entry.name
    seconds = entry.mtime_ns // 1_000_000_000
    records: dict[bytes, bytes] = {}
    for key, text in ((b"path", name), (b"linkpath", entry.target)):
        if len(text) > _LONGEST_NAME:
            records[key] = text
    size = entry.size_bytes if entry.kind is Kind.FILE else 0
    numbers = ((b"uid", entry.uid, _LARGEST_ID), (b"gid", entry.gid, _LARGEST_ID))
    for key, number, largest in (*numbers, (b"size", size, _LARGEST_NUMBER), (b"mtime", seconds, _LARGEST_NUMBER)):
        if not 0 <= number <= largest:
            records[key] = b"%d" % number
    for key, value in entry.xattrs.items():
        records[b"SCHILY.xattr." + key] = value
    block = _block(entry, name, size=size, seconds=seconds)
    return _pax(records, name) + block if records else block


def _pax(records: Mapping[bytes, bytes], name: bytes) -> bytes:
    data = b"".join(_record(key, records[key]) for key in sorted(records))
    header = Entry(b"PaxHeaders/" + name.rstrip(b"/")[-80:], size_bytes=len(data))
    return _block(header, header.name, size=len(data), seconds=0, flag=b"x") + data + _ZEROS[: -len(data) % BLOCK]


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" %b=%b\n" % (key, value)
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def _block(entry: Entry, name: bytes, *, size: int, seconds: int, flag: bytes = b"") -> bytes:
    """Fields that do not fit are cut or zero: their PAX records tell."""
    ids = (_fitting(entry.uid, _LARGEST_ID), _fitting(entry.gid, _LARGEST_ID))
    device = entry.kind in (Kind.CHARACTER, Kind.BLOCK_DEVICE)
    major, minor = entry.device if device else (0, 0)
    head = b"".join((
        name[:_LONGEST_NAME].ljust(100, b"\0"),
        b"%07o\0%07o\0%07o\0" % (entry.mode & 0o7777, *ids),
        b"%011o\0%011o\0" % (_fitting(size, _LARGEST_NUMBER), _fitting(seconds, _LARGEST_NUMBER)),
        b" " * 8,
        flag or _FLAGS[entry.kind],
        entry.target[:_LONGEST_NAME].ljust(100, b"\0"),
        b"ustar\x0000".ljust(72, b"\0"),
        b"%07o\0%07o\0" % (major, minor) if device else bytes(16),
        bytes(167),
    ))  # fmt: skip
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def _fitting(number: int, largest: int) -> int:
    return number if 0 <= number <= largest else 0


@dataclass(frozen=True, slots=True)
class Found:
    """Something met on a walk. ``path`` is from the root; ``directory`` is its open parent until the walk goes on.

    ``names`` are what a directory holds, sorted.
    """

    path: bytes
    name: bytes
    directory: int
    status: os.stat_result
    names: tuple[bytes, ...] = ()


def walk(root: Path, *, skip: Callable[[Found], bool] = lambda _: False) -> Iterator[Found]:
    """Everything below ``root``, parents first, each directory's names sorted; what ``skip`` takes is left out whole.

    Follows no symlink. A name that is gone by the time it is looked at is passed over.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack = [(descriptor, b"", iter(_names(descriptor)))]
    try:
        while stack:
            directory, prefix, names = stack[-1]
            name = next(names, None)
            if name is None:
                os.close(stack.pop()[0])
                continue
            _visit = _look(directory, prefix, name)
            if _visit is None:
                continue
            found, below = _visit
            if below is not None:
                stack.append((below, found.path + b"/", iter(found.names)))
            if skip(found):
                if below is not None:
                    os.close(stack.pop()[0])
                continue
            yield found
    finally:
        for descriptor, _, _ in stack:
            os.close(descriptor)


def _look(directory: int, prefix: bytes, name: bytes) -> tuple[Found, int | None] | None:
    path = prefix + name
    if len(path) >= _LONGEST_PATH:
        raise Invalid(f"a path of {len(path)} bytes is longer than {_LONGEST_PATH}: {path[:80]!r}…")
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            return Found(path, name, directory, status), None
        below = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
    except OSError as error:
        if error.errno in _GONE:  # or something else by now
            return None
        raise
    return Found(path, name, directory, status, tuple(_names(below))), below


def _names(descriptor: int) -> list[bytes]:
    return sorted(os.fsencode(name) for name in os.listdir(descriptor))


def write_layer(
    upper: Path,
    writer: TarWriter,
    *,
    mount_points: frozenset[bytes] = MOUNT_POINTS,
    is_inherited: Callable[[bytes, os.stat_result], bool] = lambda _path, _status: True,
) -> int:
    """An overlay's upper directory as an image layer: whiteouts and opaque marks by their ``.wh.`` names.

    Leaves out empty ``mount_points``, which the runtime made, and a directory that holds nothing else, when
    ``is_inherited`` says that it looks like the one below. Returns the number of entries; 0 means no change.
    """

    def is_stub(found: Found) -> bool:
        if found.path in mount_points:
            return not found.names and (stat.S_ISDIR(found.status.st_mode) or _is_empty_file(found.status))
        below = [found.path + b"/" + name for name in found.names]
        return bool(below) and all(map(is_stub_path, below)) and is_inherited(found.path, found.status)

    def is_stub_path(path: bytes) -> bool:
        try:
            return path in mount_points and _is_empty_file((upper / os.fsdecode(path)).lstat())
        except FileNotFoundError:
            return True

    links: Links = {}
    for found in walk(upper, skip=is_stub):
        _add_layered(writer, found, links)
    writer.finish()
    return writer.entries


def _add_layered(writer: TarWriter, found: Found, links: Links) -> None:
    if found.name.startswith(WHITEOUT):
        raise Invalid(f"{found.path[:80]!r}: a layer cannot hold names that begin with .wh.")
    directory, _, name = found.path.rpartition(b"/")
    if stat.S_ISCHR(found.status.st_mode) and found.status.st_rdev == 0:
        writer.add(Entry((directory + b"/" if directory else b"") + WHITEOUT + name, mode=0))
        return
    marks = add_found(writer, found, links)
    if marks.get(b"trusted.overlay.opaque") == b"y":
        writer.add(Entry(found.path + b"/" + OPAQUE, mode=0))
    if marks.keys() & {b"trusted.overlay.redirect", b"trusted.overlay.metacopy"}:
        raise Unavailable(
            f"{found.path[:80]!r} is kept in another layer: mount overlays with redirect_dir=off,metacopy=off"
        )


def add_found(writer: TarWriter, found: Found, links: Links) -> dict[bytes, bytes]:
    """Write one entry, as a hard link where ``links`` has its inode; its trusted.overlay.*, which are not written.

    What is gone by now, or something else, is passed over. Raises OSError.
    """
    try:
        if stat.S_ISREG(found.status.st_mode):
            return _add_file(writer, found, links)
        return _add_other(writer, found, links)
    except OSError as error:
        if error.errno in _GONE:
            return {}
        raise


def _add_file(writer: TarWriter, found: Found, links: Links) -> dict[bytes, bytes]:
    """By the file that was opened, whatever has the name by then."""
    descriptor = os.open(found.name, _OPEN_FILE, dir_fd=found.directory)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or _add_link(writer, found.path, status, links):
            return {}
        xattrs = _xattrs(b"/proc/self/fd/%d" % descriptor, follow_symlinks=True)
        writer.add(_entry(found.path, status, xattrs), file)
        return _marks(xattrs)


def _add_other(writer: TarWriter, found: Found, links: Links) -> dict[bytes, bytes]:
    """All but plain files; not sockets: tar has no type for them, and they mean nothing without their process."""
    if kind_of(found.status.st_mode) is None or _add_link(writer, found.path, found.status, links):
        return {}
    is_link = stat.S_ISLNK(found.status.st_mode)
    target = os.fsencode(os.readlink(found.name, dir_fd=found.directory)) if is_link else b""
    xattrs = _xattrs(b"/proc/self/fd/%d/%b" % (found.directory, found.name), follow_symlinks=False)
    writer.add(_entry(found.path, found.status, xattrs, target=target))
    return _marks(xattrs)


def _add_link(writer: TarWriter, name: bytes, status: os.stat_result, links: Links) -> bool:
    """Whether it was written as another name of what is in the archive already."""
    if stat.S_ISDIR(status.st_mode) or status.st_nlink < 2:
        return False
    first = links.setdefault((status.st_dev, status.st_ino), name)
    if first == name:
        return False
    whole = _entry(name, status, {}, target=first)  # Go's readers apply what a link's header says to the file
    writer.add(whole.having(kind=Kind.HARD_LINK, size_bytes=0))
    return True


def _entry(name: bytes, status: os.stat_result, xattrs: Mapping[bytes, bytes], *, target: bytes = b"") -> Entry:
    kind = kind_of(status.st_mode) or Kind.FILE
    return Entry(
        name=name,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size_bytes=status.st_size if kind is Kind.FILE else 0,
        mtime_ns=status.st_mtime_ns,
        target=target,
        device=(os.major(status.st_rdev), os.minor(status.st_rdev)),
        xattrs={key: xattrs[key] for key in sorted(xattrs) if _is_content(key)},
    )


def _marks(xattrs: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {key: value for key, value in xattrs.items() if key.startswith(b"trusted.overlay.")}


def _xattrs(path: bytes, *, follow_symlinks: bool) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for name in map(os.fsencode, _listed(path, follow_symlinks=follow_symlinks)):
        try:
            values[name] = os.getxattr(path, name, follow_symlinks=follow_symlinks)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
    return values


def _listed(path: bytes, *, follow_symlinks: bool) -> Iterable[str]:
    try:
        return os.listxattr(path, follow_symlinks=follow_symlinks)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOENT):
            return ()
        raise


def _is_content(name: bytes) -> bool:
    if name.startswith(b"user."):
        return not name.startswith(b"user.overlay.")
    return name == b"security.capability" or name.startswith(b"system.posix_acl_")


def _is_empty_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size == 0
