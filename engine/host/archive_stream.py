"""Taking compression off a stream, with both digests on the way.

``PlainStream`` hashes the packed bytes and unpacks them in one thread, hashes the plain bytes in a second and serves
them to the caller's; isal, zstd and OpenSSL all let go of the interpreter lock meanwhile.
"""

import bz2
import hashlib
import io
import lzma
import queue
import threading
from typing import Any, Protocol, cast

from isal import igzip

from engine.host.archive import Limits
from engine.model.digest import Digest
from engine.model.errors import EngineError, Invalid, TooLarge

_CHUNK = 512 << 10
_DEPTH = 8  # chunks that may wait between two threads
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_ZSTD_WINDOW = 1 << 27
COMPRESSIONS = ("auto", "none", "gzip", "bzip2", "xz", "zstd")


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Packed(io.RawIOBase):
    """The packed bytes on their way to the decompressor: counted, hashed, with the first few put back."""

    def __init__(self, file: Readable) -> None:
        super().__init__()
        self._file = file
        self._sha256 = hashlib.sha256()
        self.hashed = True
        self.count = 0
        self.head = self._take(8)

    def read(self, size: int = -1, /) -> bytes:
        if self.head:
            taken = len(self.head) if size < 0 else size
            data, self.head = self.head[:taken], self.head[taken:]
            return data
        return self._take(size if size > 0 else _CHUNK)

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        if self.hashed:
            self._sha256.update(data)
        return data

    def digest(self) -> Digest:
        return Digest(self._sha256.hexdigest())

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True


class PlainStream:
    """The plain bytes of ``file``, which may be compressed; a ``Source`` for ``TarReader``.

    Raises TooLarge from ``read_some`` when the content expands beyond the limits, Invalid when it is damaged.
    Its threads end at the end of the content or on ``close``.
    """

    def __init__(self, file: Readable, *, limits: Limits, compression: str = "auto", hashed: bool = True) -> None:
        self._packed = _Packed(file)
        self._limits = limits
        self.compression = detect(self._packed.head) if compression == "auto" else compression
        self._packed.hashed = hashed and self.compression != "none"  # else both digests are one
        self._plain = _decompressor(self._packed, self.compression)
        self._ready: queue.Queue[bytes | EngineError] = queue.Queue(_DEPTH)
        self._to_hash: queue.Queue[bytes] = queue.Queue(_DEPTH)
        self._sha256 = hashlib.sha256()
        self._closed = threading.Event()
        self._current = memoryview(b"")
        self._ended = False
        self._threads = [threading.Thread(target=self._unpack, name="unpack", daemon=True)]
        if hashed:
            self._threads.append(threading.Thread(target=self._hash, name="hash", daemon=True))
        self._hashed = hashed
        for thread in self._threads:
            thread.start()

    def read_some(self, limit: int, /) -> memoryview:
        if not self._current and not self._ended:
            chunk = self._ready.get()
            if isinstance(chunk, EngineError):
                self._ended = True
                raise chunk
            self._ended = not chunk
            self._current = memoryview(chunk)
        piece, self._current = self._current[:limit], self._current[limit:]
        return piece

    def digests(self) -> tuple[Digest, Digest]:
        """Of the packed and of the plain bytes; call it after the end was read."""
        for thread in self._threads:
            thread.join()
        plain = Digest(self._sha256.hexdigest())
        return self._packed.digest() if self._packed.hashed else plain, plain

    def close(self) -> None:
        """Let the threads end early; what is not read is lost."""
        self._closed.set()
        while any(thread.is_alive() for thread in self._threads):
            try:
                self._ready.get(timeout=0.02)
            except queue.Empty:
                pass

    def _unpack(self) -> None:
        end: bytes | EngineError = b""
        try:
            self._pump()
        except EngineError as error:
            end = error
        except (OSError, EOFError, ValueError, lzma.LZMAError) as error:  # what the decompressors raise for damage
            end = Invalid(f"{self.compression} data is damaged: {error}")
        except Exception as error:  # noqa: BLE001 - a thread's outermost frame: the reader must not wait for ever
            end = Invalid(f"{self.compression} data is damaged: {type(error).__name__}: {error}")
        if self._hashed:
            self._to_hash.put(b"")
        self._ready.put(end)

    def _pump(self) -> None:
        total = 0
        while not self._closed.is_set() and (chunk := self._plain.read(_CHUNK)):
            total += len(chunk)
            self._check(total)
            if self._hashed:
                self._to_hash.put(chunk)
            self._ready.put(chunk)
        while not self._closed.is_set() and self._packed.read(_CHUNK):
            pass  # the digest is over the whole, also over what follows the compressed content

    def _check(self, total: int) -> None:
        limits = self._limits
        if total > limits.total_bytes:
            raise TooLarge(f"archive expands to more than the {limits.total_bytes} bytes there is room for")
        if total > limits.ratio_floor_bytes and total > limits.ratio * self._packed.count:
            raise TooLarge(f"archive expands to more than {limits.ratio} times its size")

    def _hash(self) -> None:
        while chunk := self._to_hash.get():
            self._sha256.update(chunk)


def detect(head: bytes) -> str:
    """Name of the compression that ``head`` starts with; "none" for anything unknown."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "none")


def _decompressor(packed: _Packed, compression: str) -> Readable:
    file = cast("Any", packed)
    match compression:
        case "none":
            return packed
        case "gzip":
            return cast("Readable", igzip.IGzipFile(fileobj=file, mode="rb"))  # type: ignore[no-untyped-call]  # isal has no hints here
        case "bzip2":
            return bz2.BZ2File(file)
        case "xz":
            return lzma.LZMAFile(file)
        case "zstd":
            import zstandard  # only here: 10 ms of start time that most layers need not pay

            unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            return unpacker.stream_reader(file, read_across_frames=True)
    raise Invalid(f"compression {compression!r} is not one of {', '.join(COMPRESSIONS)}")
