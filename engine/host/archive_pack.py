"""Compressing a tar on its way to storage, with the diff id on the way: gzip by isal at level 1.

Level 1 of isal is 8 % larger than zlib's level 6 and sixteen times as fast.
"""

import hashlib
import queue
import threading
from collections.abc import Callable

from isal import isal_zlib

from engine.model.digest import Digest

_LEVEL = 1
_GZIP = 31  # window bits 15 with a gzip header (zlib.h, deflateInit2); isal writes no time into it
_CHUNK = 128 << 10
_DEPTH = 8


class GzipPacker:
    """Plain bytes in by ``write``, gzip out through ``sink`` in a thread of its own; both in order.

    ``close`` ends the stream and gives the digest of the plain bytes. An error of ``sink`` is raised by the next
    ``write`` or by ``close``. Call ``abandon`` when neither end will come.
    """

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._sha256 = hashlib.sha256()
        self._waiting: queue.Queue[bytes | memoryview | None] = queue.Queue(_DEPTH)
        self._buffer = bytearray()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._pack, name="gzip", daemon=True)
        self._thread.start()

    def write(self, data: bytes | memoryview) -> None:
        """What is large is not copied: nobody may change it afterwards."""
        if len(data) >= _CHUNK:
            self._pass_on()
            self._pack_later(data)
            return
        self._buffer += data
        if len(self._buffer) >= _CHUNK:
            self._pass_on()

    def close(self) -> Digest:
        self._pass_on()
        self._waiting.put(None)
        self._thread.join()
        self._raise_failure()
        return Digest(self._sha256.hexdigest())

    def abandon(self) -> None:
        self._failure = self._failure or ValueError("abandoned")
        self._waiting.put(None)
        self._thread.join()

    def _pass_on(self) -> None:
        self._raise_failure()
        if self._buffer:
            data = bytes(self._buffer)
            self._buffer.clear()
            self._pack_later(data)

    def _pack_later(self, data: bytes | memoryview) -> None:
        self._waiting.put(data)
        self._sha256.update(data)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _pack(self) -> None:
        packer = isal_zlib.compressobj(level=_LEVEL, wbits=_GZIP)
        while (data := self._waiting.get()) is not None:
            if self._failure is not None:
                continue
            try:
                self._sink(packer.compress(data))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
                self._failure = error
        if self._failure is None:
            try:
                self._sink(packer.flush())
            except BaseException as error:  # noqa: BLE001 - as above
                self._failure = error
