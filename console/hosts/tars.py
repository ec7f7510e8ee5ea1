"""Reading a tar as it comes from an engine, without having it: its headers, or the beginning of its first file.

What it says comes from a container, so it may say anything. Bytes are read in a thread, which asks the loop for more.
"""

import asyncio
import sys
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import IO, TypeVar

from console.operations.errors import Missing, Unavailable

T = TypeVar("T")
CHUNK_BYTES = 256 * 1024


class TooLong(Exception):
    """More than the limit would have to be read."""


class _Source:
    """A file for tarfile, in its thread; fed by the loop."""

    def __init__(self, chunks: AsyncIterator[bytes], *, limit_bytes: int) -> None:
        self._chunks = aiter(chunks)
        self._loop = asyncio.get_running_loop()
        self._left = limit_bytes
        self._rest = b""
        self.is_over = False

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            if self.is_over:
                raise TooLong
            chunk = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if not chunk:
                break
            self._left -= len(chunk)
            if self._left < 0:
                raise TooLong
            self._rest += chunk
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    async def _next(self) -> bytes:
        return await anext(self._chunks, b"")


async def each_entry(
    chunks: AsyncIterator[bytes], take: Callable[[tarfile.TarInfo], object], *, limit_bytes: int
) -> None:
    """``take`` is called with each entry's header, in another thread, until this returns.

    Raises TooLong when more than ``limit_bytes`` had to be read for all.
    """
    source = _Source(chunks, limit_bytes=limit_bytes)

    def read() -> None:
        with tarfile.open(fileobj=source, mode="r|") as tar:  # type: ignore[call-overload]
            while (info := tar.next()) is not None:
                # it would remember all of them
                tar.members.clear()
                take(info)

    try:
        await _in_thread(read)
    finally:
        source.is_over = True


async def first_file(chunks: AsyncIterator[bytes], *, limit_bytes: int) -> bytes:
    """The first ``limit_bytes`` of the first entry."""
    source = _Source(chunks, limit_bytes=limit_bytes + (1 << 20))

    def read() -> bytes:
        with tarfile.open(fileobj=source, mode="r|") as tar:  # type: ignore[call-overload]
            info = tar.next()
            file = tar.extractfile(info) if info is not None else None
            if file is None:
                raise Missing("there is nothing in the archive")
            return bytes(file.read(limit_bytes))

    return await _in_thread(read)


async def file_bytes(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """All of the first entry, however large."""
    source = _Source(chunks, limit_bytes=sys.maxsize)
    tar = await _in_thread(lambda: tarfile.open(fileobj=source, mode="r|"))  # type: ignore[call-overload]  # noqa: SIM115
    try:
        info = await _in_thread(tar.next)
        file = tar.extractfile(info) if info is not None else None
        if file is None:
            raise Missing("there is nothing in the archive")
        while chunk := await _in_thread(lambda: file.read(CHUNK_BYTES)):
            yield chunk
    finally:
        source.is_over = True


async def entries(
    chunks: AsyncIterator[bytes], *, limit_bytes: int = sys.maxsize
) -> AsyncGenerator[tuple[tarfile.TarInfo, IO[bytes] | None], None]:
    """Each entry, and what is in it if it is a file: to be read in another thread than the loop's, before the next."""
    source = _Source(chunks, limit_bytes=limit_bytes)

    def opened() -> tarfile.TarFile:
        return tarfile.open(fileobj=source, mode="r|", bufsize=CHUNK_BYTES)  # type: ignore[call-overload,no-any-return]

    try:
        tar = await _in_thread(opened)
        while (info := await _in_thread(tar.next)) is not None:
            # it would remember all of them
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile's own, undocumented
            yield info, tar.extractfile(info) if info.isreg() else None
    finally:
        source.is_over = True


async def _in_thread(read: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(read)
    except tarfile.TarError as error:
        raise Unavailable(f"the engine's archive is none: {error}") from error
