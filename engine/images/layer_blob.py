"""Storing the tar of a layer as the engine keeps it: gzip and zstd as they come, anything else as gzip."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.host.archive import Limits, Source
from engine.host.archive_pack import GzipPacker
from engine.host.archive_stream import PlainStream, Readable, detect
from engine.model.digest import Digest
from engine.model.errors import TooLarge
from engine.store.content import ContentStore
from engine.store.layers import GZIP_LAYER

Data = bytes | memoryview
Beside = Callable[[Data], object]

_CHUNK = 1 << 20
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_KEPT = {"gzip": GZIP_LAYER, "zstd": ZSTD_LAYER}


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """``digest`` is of the blob as stored, ``given`` of the bytes that came."""

    digest: Digest
    media_type: str
    given: Digest


def store_layer(
    content: ContentStore, source: Source, *, head: bytes, limits: Limits, beside: Beside | None = None
) -> LayerBlob:
    """Store what ``head`` followed by ``source`` holds, for ``LayerStore.unpack`` to make durable.

    ``beside`` gets the same bytes as they come. Raises TooLarge, or Invalid for damaged compression.
    """
    compression = detect(head)
    taken = _Taken(source, head, beside, hashed=compression != "none")
    with content.ingest() as ingest:
        if compression in _KEPT:
            for piece in taken.pieces():
                ingest.write(piece)
            given = taken.digest()
        elif compression == "none":
            given = _packed(_limited(taken.pieces(), limits), ingest.write)
        else:
            _packed(_unpacked(taken, limits), ingest.write)
            given = taken.digest()
        return LayerBlob(ingest.commit(durable=False), _KEPT.get(compression, GZIP_LAYER), given)


class _Taken:
    """``head`` and then ``source``, in pieces, told to ``beside`` and, if wanted, hashed on the way."""

    def __init__(self, source: Source, head: bytes, beside: Beside | None, *, hashed: bool) -> None:
        self._source = source
        self._head = head
        self._beside = beside
        self._sha256 = hashlib.sha256() if hashed else None

    def pieces(self) -> Iterator[Data]:
        while piece := self._next(_CHUNK):
            yield piece

    def read(self, size: int = -1, /) -> bytes:
        return bytes(self._next(size if size > 0 else _CHUNK))

    def digest(self) -> Digest:
        if self._sha256 is None:
            raise ValueError("was not to be hashed")
        return Digest(self._sha256.hexdigest())

    def _next(self, size: int) -> Data:
        data = self._head or self._source.read_some(size)
        self._head = b""
        if self._beside is not None:
            self._beside(data)
        if self._sha256 is not None:
            self._sha256.update(data)
        return data


def _packed(pieces: Iterator[Data], write: Callable[[bytes], object]) -> Digest:
    """Write them as gzip; the digest of the plain bytes."""
    packer = GzipPacker(write)
    try:
        for piece in pieces:
            packer.write(piece)
        return packer.close()
    except BaseException:
        packer.abandon()
        raise


def _limited(pieces: Iterator[Data], limits: Limits) -> Iterator[Data]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limits.total_bytes:
            raise TooLarge(f"archive expands to more than the {limits.total_bytes} bytes there is room for")
        yield piece


def _unpacked(file: Readable, limits: Limits) -> Iterator[Data]:
    stream = PlainStream(file, limits=limits, hashed=False)
    try:
        while piece := stream.read_some(_CHUNK):
            yield piece
    finally:
        stream.close()
