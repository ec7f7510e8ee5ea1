"""Layers and volumes as gzipped blobs, and back: streams of any length, memory as for one piece.

Blocking; for threads. What is unpacked is counted against a bound before it is given on.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

import zstandard
from isal import igzip_lib, isal_zlib

from console.operations.errors import Invalid

PIECE_BYTES = 256 * 1024
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
# gzip's own header and check sum around what zlib makes
GZIP_BITS = 31
LEVEL = 1


@dataclass(frozen=True, slots=True)
class Blob:
    """``digest`` and ``size_bytes`` of the gzipped bytes, ``plain_digest`` and ``plain_bytes`` of what they hold.

    Digests are 64 hex digits. An image's configuration calls the plain one of a layer its diff id.
    """

    digest: str
    size_bytes: int
    plain_digest: str
    plain_bytes: int


class Squeezer:
    """Plain bytes on their way into a file, gzipped."""

    def __init__(self, into: BinaryIO) -> None:
        self._into = into
        self._packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP_BITS)
        self._digest, self._plain = hashlib.sha256(), hashlib.sha256()
        self._size = self._plain_size = 0

    def write(self, piece: bytes) -> None:
        self._plain.update(piece)
        self._plain_size += len(piece)
        self._put(self._packer.compress(piece))

    def finish(self) -> Blob:
        self._put(self._packer.flush())
        return Blob(self._digest.hexdigest(), self._size, self._plain.hexdigest(), self._plain_size)

    def _put(self, packed: bytes) -> None:
        self._digest.update(packed)
        self._size += len(packed)
        self._into.write(packed)


class Unsqueezer:
    """Gzipped bytes as they come → plain ones. Invalid when there are more than ``most_bytes`` of those."""

    def __init__(self, *, most_bytes: int) -> None:
        self._left = most_bytes
        self._unpacker = self._new()
        self._digest = hashlib.sha256()
        self.plain_bytes = 0
        self._is_whole = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """In pieces, so that little bytes that stand for many do not fill memory."""
        while True:
            if self._unpacker.eof:
                if not packed:
                    return
                # a file may be several, one after the other
                self._unpacker = self._new()
            try:
                piece = self._unpacker.decompress(packed, PIECE_BYTES)
            except igzip_lib.IsalError as error:  # type: ignore[misc]  # an exception, which its stubs do not say
                raise Invalid(f"this is not gzipped as it should be: {error}") from error
            packed = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
            self._is_whole = self._unpacker.eof
            if piece:
                # there may be more of it although all input was taken
                yield self._counted(piece)
            elif not packed:
                return

    def finish(self) -> str:
        """The digest of all. Invalid when it was cut short."""
        if not self._is_whole:
            raise Invalid("this ends before its end")
        return self._digest.hexdigest()

    def _counted(self, piece: bytes) -> bytes:
        self.plain_bytes += len(piece)
        if self.plain_bytes > self._left:
            raise Invalid(f"this unpacks to more than {self._left} bytes")
        self._digest.update(piece)
        return piece

    def _new(self) -> Any:
        return isal_zlib.decompressobj(GZIP_BITS)


def squeezed_layer(file: IO[bytes], into: BinaryIO, *, head: bytes, most_bytes: int) -> Blob:
    """A layer as an engine gave it (plain, gzip, zstd; ``head`` was read already) written to ``into`` as gzip."""
    if head.startswith(GZIP):
        return _copied(file, into, head, most_bytes)
    squeezer = Squeezer(into)
    if head.startswith(ZSTD):
        reader = zstandard.ZstdDecompressor().stream_reader(
            cast("IO[bytes]", _Joined(head, file)), read_across_frames=True
        )
        pieces = iter(lambda: reader.read(PIECE_BYTES), b"")
    else:
        pieces = _pieces(file, head)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most_bytes:
            raise Invalid(f"a layer has more than {most_bytes} bytes")
        squeezer.write(piece)
    return squeezer.finish()


def _copied(file: IO[bytes], into: BinaryIO, head: bytes, most_bytes: int) -> Blob:
    """As it is, and looked into."""
    digest, size, unsqueezer = hashlib.sha256(), 0, Unsqueezer(most_bytes=most_bytes)
    for piece in _pieces(file, head):
        digest.update(piece)
        size += len(piece)
        into.write(piece)
        for _plain in unsqueezer.feed(piece):
            pass
    return Blob(digest.hexdigest(), size, unsqueezer.finish(), unsqueezer.plain_bytes)


def _pieces(file: IO[bytes], head: bytes) -> Iterator[bytes]:
    yield head
    yield from iter(lambda: file.read(PIECE_BYTES), b"")


class _Joined:
    """A file of which the beginning was read already."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head = head
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        return self._file.read(size)
