"""Reading tar archives as a stream: ustar, PAX records, GNU long names and base-256 numbers.

Knows the format and its limits; writes nothing. ``archive_unpack`` puts entries on disk, ``archive_stream``
takes compression off, ``archive_write`` is the other direction.

A header block (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format")::

    offset 0    100   108   116   124    136    148    156    157    257      265     297     329    337    345
    field  name mode  uid   gid   size   mtime  sum    type   link   magic    uname   gname   major  minor  prefix
    width  100  8     8     8     12     12     8      1      100    6+2      32      32      8      8      155

The body follows in blocks of 512 bytes; two zero blocks end the archive.
"""

import functools
import re
import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from zlib import adler32

import msgspec

from engine.model.errors import Invalid, TooLarge

BLOCK = 512
_PIECE = 1 << 20
_ZEROES = bytes(BLOCK)
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2x64x8s8s155s12s")
_LONGEST_EXTENSION = 1 << 20  # bytes in one PAX or GNU header; Go's archive/tar has the same bound
_LARGEST_ID = 4294967293  # the two above are overlay's whiteout owner and chown(2)'s "unchanged"
_XATTR = b"SCHILY.xattr."
_OCTAL = re.compile(rb"[0-7]+")
_PLAIN = re.compile(rb"([0-7]+)[ \0]")
_DECIMAL = re.compile(rb"-?[0-9]{1,19}")
_TIME = re.compile(rb"(-?)([0-9]{1,19})(?:\.([0-9]*))?")


class Kind(StrEnum):
    FILE = "file"
    HARD_LINK = "hard link"
    SYMLINK = "symlink"
    CHARACTER = "character device"
    BLOCK_DEVICE = "block device"
    DIRECTORY = "directory"
    FIFO = "fifo"


_KINDS_ON_DISK = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFIFO: Kind.FIFO,
}


def kind_of(mode: int) -> Kind | None:
    """What a file with this ``st_mode`` is in an archive; None for a socket, which no archive can hold."""
    return _KINDS_ON_DISK.get(stat.S_IFMT(mode))


_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER,
    b"4": Kind.BLOCK_DEVICE,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive may ask for. ``ratio`` counts unpacked to packed bytes, from ``ratio_floor_bytes`` on."""

    entries: int = 1_000_000
    path_bytes: int = 4096
    ratio: int = 200
    ratio_floor_bytes: int = 64 << 20
    total_bytes: int = 1 << 40


class Entry(msgspec.Struct, frozen=True):
    """One member. ``name`` and ``target`` are as stored, ``device`` is (major, minor), ``mode`` has no file type.

    A struct, as one is made for each of many thousand members: a dataclass takes ten times as long.
    """

    name: bytes
    kind: Kind = Kind.FILE
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size_bytes: int = 0
    mtime_ns: int = 0
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[bytes, bytes] = {}

    def having(self, **fields: Any) -> "Entry":
        """The same with other values in the fields named."""
        return msgspec.structs.replace(self, **fields)


class Source(Protocol):
    def read_some(self, limit: int, /) -> bytes | memoryview:
        """At most ``limit`` bytes and at least one, or empty at the end."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class FileSource:
    """A plain file, or anything with ``read``, as a Source."""

    def __init__(self, file: _Readable) -> None:
        self.read_some = file.read


class Header(msgspec.Struct, frozen=True):
    """One header block as it stands: ``flag`` is the type byte, ``entry`` what it says without extensions."""

    flag: bytes
    entry: Entry


class TarReader:
    """Entries of one archive, in order. ``body()`` gives the bytes of the entry last returned by ``next``."""

    def __init__(self, source: Source, limits: Limits | None = None) -> None:
        self._source = source
        self._limits = limits or Limits()
        self._offset = 0
        self._body_left = 0
        self._padding = 0
        self._entries = 0

    @property
    def offset(self) -> int:
        """Bytes of the plain archive read so far."""
        return self._offset

    def next(self) -> Entry | None:
        """The next member, or None at the end. Raises Invalid or TooLarge, naming the offset."""
        records: dict[bytes, bytes] = {}
        while (header := self._next_header()) is not None:
            self._entries += 1
            if self._entries > self._limits.entries:
                raise TooLarge(f"archive has more than {self._limits.entries} entries")
            if header.flag in _EXTENSIONS:
                self._read_extension(header, records)
                continue
            return self._begin_entry(header, records)
        if records:
            raise Invalid(f"tar: the archive ends after an extension header, at offset {self._offset}")
        return None

    def body(self) -> Iterator[bytes | memoryview]:
        while piece := self.read_body():
            yield piece

    def read_body(self) -> bytes | memoryview:
        """The next piece of the body; empty after the last."""
        if not self._body_left:
            return b""
        piece = self._source.read_some(min(_PIECE, self._body_left))
        if not piece:
            raise self._truncated()
        self._offset += len(piece)
        self._body_left -= len(piece)
        return piece

    def drain(self) -> None:
        """Read what follows the end mark, so that a digest over the stream is complete."""
        while piece := self._source.read_some(1 << 20):
            self._offset += len(piece)

    def _begin_entry(self, header: Header, records: dict[bytes, bytes]) -> Entry:
        entry = checked(extended(header, records), self._limits)
        if entry.kind is Kind.FILE:
            self._expect_body(entry.size_bytes)
        return entry

    def _read_extension(self, header: Header, records: dict[bytes, bytes]) -> None:
        size = header.entry.size_bytes
        if size < 0 or size > _LONGEST_EXTENSION:
            raise TooLarge(f"tar: extension header of {size} bytes at offset {self._offset}")
        self._expect_body(size)
        data = b"".join(self.body())
        if header.flag == b"x":
            records.update(parse_pax(data))
        elif header.flag == b"L":
            records[b"path"] = data.rstrip(b"\0")
        elif header.flag == b"K":
            records[b"linkpath"] = data.rstrip(b"\0")

    def _expect_body(self, size_bytes: int) -> None:
        self._body_left = size_bytes
        self._padding = -size_bytes % BLOCK

    def _next_header(self) -> Header | None:
        block = self._next_block()
        if not block:
            return None
        try:
            header = parse_header(block)
        except Invalid as error:
            raise Invalid(f"{error}, at offset {self._offset - BLOCK}") from error
        if header is None and (second := self._next_block()).strip(b"\0"):
            raise Invalid(f"tar: data after a single zero block, at offset {self._offset - len(second) - BLOCK}")
        return header

    def _next_block(self) -> bytes:
        """The block after the body and its padding; empty where the archive ends instead."""
        while self._body_left:
            self.read_body()
        padding, self._padding = self._padding, 0
        wanted = padding + BLOCK
        data = self._source.read_some(wanted)
        while len(data) < wanted:
            piece = self._source.read_some(wanted - len(data))
            if not piece:
                break
            data = bytes(data) + piece
        self._offset += len(data)
        if len(data) not in (wanted, padding):
            raise self._truncated()
        return bytes(data[padding:])

    def _truncated(self) -> Invalid:
        return Invalid(f"tar: unexpected end of archive at offset {self._offset}")


_EXTENSIONS = (b"x", b"g", b"L", b"K")


def parse_header(block: bytes) -> Header | None:
    """One 512-byte block; None for the zero block that ends an archive. Raises Invalid."""
    if block == _ZEROES:
        return None
    name, mode, uid, gid, size, mtime, checksum, flag, target, magic, major, minor, prefix, end = _HEADER.unpack(block)
    _verify_checksum(block, checksum)
    name = _text(name)
    if magic == b"ustar\0" and prefix[0]:
        name = _text(prefix[:131] if end[8:] == b"tar\0" else prefix) + b"/" + name
    kind = _KINDS.get(flag)
    if kind is None and flag not in _EXTENSIONS:
        raise Invalid(f"tar: entry type {flag.decode('latin-1')!r} is not supported")
    has_device = kind in (Kind.CHARACTER, Kind.BLOCK_DEVICE)
    entry = Entry(
        name=name,
        kind=kind or Kind.FILE,
        mode=parse_number(mode) & 0o7777,
        uid=parse_number(uid),
        gid=parse_number(gid),
        size_bytes=parse_number(size),
        mtime_ns=parse_number(mtime) * 1_000_000_000,
        target=_text(target),
        device=(parse_number(major), parse_number(minor)) if has_device else (0, 0),
    )
    return Header(flag, entry)


@functools.lru_cache(maxsize=1024)  # an archive's modes, owners and times are few
def parse_number(field_: bytes) -> int:
    """Octal digits between spaces and NULs, or GNU's base-256: top bit set, two's complement, big endian."""
    if plain := _PLAIN.fullmatch(field_):  # as nearly all writers have it
        return int(plain[1], 8)
    if field_[0] & 0x80:
        value = int.from_bytes(field_, "big") & ((1 << (len(field_) * 8 - 1)) - 1)
        return value - (1 << (len(field_) * 8 - 1)) if field_[0] & 0x40 else value
    digits = field_.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    if not _OCTAL.fullmatch(digits):
        raise Invalid(f"tar: {digits[:12]!r} is not an octal number")
    return int(digits, 8)


def parse_pax(data: bytes) -> dict[bytes, bytes]:
    """Records ``LENGTH KEY=VALUE\\n`` where LENGTH counts the whole record. Raises Invalid."""
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 8)
        digits = data[position:space] if space > 0 else b""
        if not digits.isdigit():
            raise Invalid("tar: malformed PAX record length")
        end = position + int(digits)
        record = data[space + 1 : end - 1]
        key, equals, value = record.partition(b"=")
        if end > len(data) or not equals or not key or data[end - 1 : end] != b"\n":
            raise Invalid("tar: malformed PAX record")
        records[key] = value
        position = end
    return records


def extended(header: Header, records: Mapping[bytes, bytes]) -> Entry:
    """The entry after PAX and GNU records had their say."""
    entry = header.entry
    if records:
        if any(key.startswith(b"GNU.sparse.") for key in records):
            raise Invalid(f"tar: sparse file {entry.name[:80]!r} is not supported")
        time = records.get(b"mtime")
        entry = entry.having(
            name=records.get(b"path") or entry.name,
            target=records.get(b"linkpath") or entry.target,
            size_bytes=_decimal(records, b"size", entry.size_bytes),
            uid=_decimal(records, b"uid", entry.uid),
            gid=_decimal(records, b"gid", entry.gid),
            mtime_ns=_parse_time(time) if time else entry.mtime_ns,
            xattrs={key[len(_XATTR) :]: value for key, value in records.items() if key.startswith(_XATTR)},
        )
    if entry.kind is Kind.FILE and entry.name.endswith(b"/"):
        entry = entry.having(kind=Kind.DIRECTORY)  # as V7 wrote directories
    return entry if entry.kind is Kind.FILE or not entry.size_bytes else entry.having(size_bytes=0)


def checked(entry: Entry, limits: Limits) -> Entry:
    """``entry`` when its values are within what a file system and an overlay can hold; raises Invalid or TooLarge."""
    longest = max(len(entry.name), len(entry.target))
    if longest > limits.path_bytes:
        raise TooLarge(f"tar: a path of {longest} bytes is longer than {limits.path_bytes}")
    if b"\0" in entry.name or b"\0" in entry.target:
        raise Invalid(f"tar: NUL in the name of {entry.name[:80]!r}")
    if not 0 <= entry.size_bytes <= limits.total_bytes:
        raise _wrong_size(entry, limits)
    if not (0 <= entry.uid <= _LARGEST_ID and 0 <= entry.gid <= _LARGEST_ID):
        wrong = entry.gid if 0 <= entry.uid <= _LARGEST_ID else entry.uid
        raise Invalid(f"tar: {entry.name[:80]!r} has owner id {wrong}; allowed are 0 to {_LARGEST_ID}")
    major, minor = entry.device
    if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
        raise Invalid(f"tar: {entry.name[:80]!r} has device number {major}:{minor}")
    return entry


def _wrong_size(entry: Entry, limits: Limits) -> Invalid | TooLarge:
    name, size = entry.name[:80], entry.size_bytes
    if size < 0:
        return Invalid(f"tar: {name!r} has size {size}")
    return TooLarge(f"tar: {name!r} has {size} bytes, more than the {limits.total_bytes} there is room for")


def _decimal(records: Mapping[bytes, bytes], key: bytes, otherwise: int) -> int:
    text = records.get(key)
    if not text:
        return otherwise
    if not _DECIMAL.fullmatch(text):
        raise Invalid(f"tar: PAX record {key.decode()} has the value {text[:20]!r}")
    return int(text)


def _parse_time(text: bytes) -> int:
    match = _TIME.fullmatch(text)
    if not match:
        raise Invalid(f"tar: PAX record mtime has the value {text[:20]!r}")
    sign, seconds, fraction = match.groups()
    nanoseconds = int(seconds) * 1_000_000_000 + int((fraction or b"")[:9].ljust(9, b"0"))
    return -nanoseconds if sign else nanoseconds


def _text(field_: bytes) -> bytes:
    return field_.partition(b"\0")[0]


def _verify_checksum(block: bytes, field_: bytes) -> None:
    stated = parse_number(field_)
    unsigned = _sum(block[:256]) + _sum(block[256:]) - sum(field_) + 8 * 32
    if stated == unsigned:
        return
    signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])  # old Sun tar
    if stated != signed:
        raise Invalid("tar: header checksum does not match")


def _sum(data: bytes) -> int:
    """Of up to 256 bytes. The lower half of Adler-32 (RFC 1950) is one more than it, modulo 65521, and quicker had."""
    return (adler32(data) & 0xFFFF) - 1
