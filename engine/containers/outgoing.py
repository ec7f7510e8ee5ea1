"""What a thread writes, as an asynchronous stream: never more than a few chunks ahead of who reads it."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Final

_CHUNK: Final = 256 << 10
_DEPTH: Final = 4

Write = Callable[[bytes], object]


class _Stopped(Exception):
    """Nobody reads any more."""


class _Outgoing:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[bytes | None] = asyncio.Queue(_DEPTH)
        self._buffer = bytearray()
        self._passing: concurrent.futures.Future[None] | None = None
        self._stopped = threading.Event()
        self._over: asyncio.Future[None] = self._loop.create_future()

    def start(self, work: Callable[[Write], object]) -> None:
        """In a thread of its own: one that waits for a slow client must not keep the engine's other work waiting."""
        threading.Thread(target=self._run, args=(work,), name="outgoing", daemon=True).start()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises what ``work`` raised, after all that it wrote."""
        while (chunk := await self._ready.get()) is not None:
            yield chunk
        await self._over

    async def stop(self) -> None:
        """Returns when ``work`` has ended. Safe to repeat."""
        self._stopped.set()
        if self._passing is not None:
            self._passing.cancel()
        await asyncio.wait([self._over])
        self._over.exception()  # seen; who still reads has it from there

    def _run(self, work: Callable[[Write], object]) -> None:
        failure: BaseException | None = None
        try:
            work(self._write)
            self._pass_on(bytes(self._buffer))
            self._pass_on(None)
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 (a thread's outermost frame: told to the one who reads)
            failure = error
            with contextlib.suppress(_Stopped):
                self._pass_on(None)
        self._loop.call_soon_threadsafe(self._end, failure)

    def _end(self, failure: BaseException | None) -> None:
        if failure is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(failure)

    def _write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= _CHUNK:
            chunk = bytes(self._buffer)
            self._buffer.clear()
            self._pass_on(chunk)

    def _pass_on(self, chunk: bytes | None) -> None:
        if self._stopped.is_set():
            raise _Stopped
        self._passing = asyncio.run_coroutine_threadsafe(self._ready.put(chunk), self._loop)
        if self._stopped.is_set():  # in between: too early to have cancelled this one
            self._passing.cancel()
        try:
            self._passing.result()
        except concurrent.futures.CancelledError:
            raise _Stopped from None


@contextlib.asynccontextmanager
async def outgoing(work: Callable[[Write], object]) -> AsyncIterator[AsyncIterator[bytes]]:
    """The chunks that ``work``, in a thread, writes. When the block ends, ``work`` has ended."""
    stream = _Outgoing()
    stream.start(work)
    try:
        yield stream.chunks()
    finally:
        await stream.stop()
