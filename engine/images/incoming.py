"""A request's body for code that blocks: an asynchronous stream of chunks, read as a file in a thread.

A thread of its own, none of the event loop's pool: a client that is slow to send must not keep the engine's other work
waiting, and a handful of them would.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, TypeVar

from engine.host.archive_stream import Readable
from engine.host.memory import kept_for_reuse
from engine.model.errors import Unavailable

_BATCH: Final = 384 << 10  # bytes fetched per visit to the event loop: with what comes along, less than readers ask for
_AT_ONCE: Final = 64  # a body holds a thread and a batch while it comes in
_places: Final = threading.BoundedSemaphore(_AT_ONCE)
_Result = TypeVar("_Result")


class _Incoming:
    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._chunks = chunks
        self._loop = loop
        self._buffer = b""
        self._ended = False
        self._stopped = threading.Event()
        self._fetching: concurrent.futures.Future[bytes] | None = None

    def read(self, size: int = -1, /) -> bytes:
        if not self._buffer and not self._ended:
            self._buffer = self._fetch()
            self._ended = not self._buffer
        if size < 0 or size >= len(self._buffer):
            taken, self._buffer = self._buffer, b""
        else:
            taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def stop(self) -> None:
        """Make the reading thread's next read fail. Called in the loop."""
        self._stopped.set()
        if self._fetching is not None:
            self._fetching.cancel()

    def _fetch(self) -> bytes:
        if self._stopped.is_set():
            raise Unavailable("the client went away")
        self._fetching = asyncio.run_coroutine_threadsafe(self._batch(), self._loop)
        if self._stopped.is_set():  # in between: too early to have cancelled this one
            self._fetching.cancel()
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


@contextlib.contextmanager
def _a_place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Unavailable(f"{_AT_ONCE} archives are being sent to this engine already: try again when one has ended")
    try:
        yield
    finally:
        _places.release()


async def read_in_thread(chunks: AsyncIterator[bytes], work: Callable[[Readable], _Result]) -> _Result:
    """What ``work`` makes of the stream, in a thread. When cancelled, waits until ``work`` has noticed.

    Raises Unavailable while as many streams as there is room for are being read.
    """
    with _a_place(), kept_for_reuse():
        incoming = _Incoming(aiter(chunks), asyncio.get_running_loop())
        over = _in_own_thread(work, incoming)
        try:
            return await asyncio.shield(over)
        finally:
            if not over.done():
                incoming.stop()
                await asyncio.wait([over])
                over.exception()  # seen; the cancellation is what counts


def _in_own_thread(work: Callable[[Readable], _Result], incoming: _Incoming) -> "asyncio.Future[_Result]":
    over: concurrent.futures.Future[_Result] = concurrent.futures.Future()

    def run() -> None:
        try:
            over.set_result(work(incoming))
        except BaseException as error:  # noqa: BLE001 (a thread's outermost frame: told to the one who waits)
            over.set_exception(error)

    waiting = asyncio.wrap_future(over)
    threading.Thread(target=run, name="incoming", daemon=True).start()
    return waiting
