"""Storing the tar of a layer as the engine keeps it: gzip and zstd as they come, anything else as gzip."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from engine.host.archive import Limits
from engine.host.archive_pack import GzipPacker
from engine.host.archive_stream import PlainStream, Readable, detect
from engine.model.digest import Digest
from engine.store.content import ContentStore
from engine.store.layers import GZIP_LAYER

_CHUNK = 1 << 20
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_KEPT = {"gzip": GZIP_LAYER, "zstd": ZSTD_LAYER}


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """``digest`` is of the blob as stored, ``given`` of the bytes that came."""

    digest: Digest
    media_type: str
    given: Digest


def store_layer(content: ContentStore, file: Readable, *, head: bytes, limits: Limits) -> LayerBlob:
    """Store what ``head`` followed by ``file`` holds, for ``LayerStore.unpack`` to make durable.

    Raises TooLarge, or Invalid for damaged compression.
    """
    taken = hashlib.sha256(head)
    compression = detect(head)

    def read(size: int = -1, /) -> bytes:
        nonlocal head
        if head:
            data, head = head, b""
            return data
        data = file.read(size if size > 0 else _CHUNK)
        taken.update(data)
        return data

    with content.ingest() as ingest:
        if compression in _KEPT:
            _copy(read, ingest.write)
        else:
            _repack(_File(read), ingest.write, limits)
        return LayerBlob(ingest.commit(durable=False), _KEPT.get(compression, GZIP_LAYER), Digest(taken.hexdigest()))


class _File:
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def read(self, size: int = -1, /) -> bytes:
        return self._read(size)


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
    while piece := read(_CHUNK):
        write(piece)


def _repack(file: Readable, write: Callable[[bytes], object], limits: Limits) -> None:
    stream = PlainStream(file, limits=limits, hashed=False)
    packer = GzipPacker(write)
    try:
        while piece := stream.read_some(_CHUNK):
            packer.write(piece)
        packer.close()
    except BaseException:
        packer.abandon()
        raise
    finally:
        stream.close()
