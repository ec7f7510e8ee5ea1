"""A request's body for code that blocks: an asynchronous stream of chunks, read as a file in a thread."""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from engine.host.archive_stream import Readable
from engine.model.errors import Unavailable

_BATCH = 1 << 20  # bytes fetched per visit to the event loop
_Result = TypeVar("_Result")


class _Incoming:
    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._chunks = chunks
        self._loop = loop
        self._buffer = memoryview(b"")
        self._ended = False
        self._stopped = False
        self._fetching: concurrent.futures.Future[bytes] | None = None

    def read(self, size: int = -1, /) -> bytes:
        if not self._buffer and not self._ended:
            self._buffer = memoryview(self._fetch())
            self._ended = not self._buffer
        taken = self._buffer if size < 0 else self._buffer[:size]
        self._buffer = self._buffer[len(taken) :]
        return bytes(taken)

    def stop(self) -> None:
        """Make the reading thread's next read fail. Called in the loop."""
        self._stopped = True
        if self._fetching is not None:
            self._fetching.cancel()

    def _fetch(self) -> bytes:
        if self._stopped:
            raise Unavailable("the client went away")
        self._fetching = asyncio.run_coroutine_threadsafe(self._batch(), self._loop)
        try:
            return self._fetching.result()
        except concurrent.futures.CancelledError as error:
            raise Unavailable("the client went away") from error

    async def _batch(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for chunk in self._chunks:
            pieces.append(chunk)
            size += len(chunk)
            if size >= _BATCH:
                break
        return b"".join(pieces)


async def read_in_thread(chunks: AsyncIterator[bytes], work: Callable[[Readable], _Result]) -> _Result:
    """What ``work`` makes of the stream, in a thread. When cancelled, waits until ``work`` has noticed."""
    incoming = _Incoming(aiter(chunks), asyncio.get_running_loop())
    task = asyncio.create_task(asyncio.to_thread(work, incoming))
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            incoming.stop()
            await asyncio.wait([task])
            task.exception()  # seen; the cancellation is what counts
