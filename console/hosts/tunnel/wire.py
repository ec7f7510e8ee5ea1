"""One end of a tunnel: its streams, taking turns on the way out; whether the other end is there."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from console.hosts.tunnel.frames import BadFrame, Frame, Kind
from console.hosts.tunnel.streams import Budget, Ends, Stream

MOST_STREAMS: Final = 512
# beyond the first window of each
BUDGET_BYTES: Final = 32 << 20
PING_S: Final = 3.0
SILENT_S: Final = 10.0
LOOK_S: Final = 1.0
OPEN_S: Final = 5.0

Opens = Callable[[], Awaitable[Ends]]


class Silent(Exception):
    """Nothing was heard of the other end for SILENT_S."""


class Wire:
    """``send`` puts one message on its way and waits while the connection takes no more.

    ``opens`` is how the agent's end reaches the engine. The console's end has none: nothing can be opened towards it.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], *, opens: Opens | None = None) -> None:
        self.heard_at = time.monotonic()
        self._put = send
        self._opens = opens
        self._streams: dict[int, Stream] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._budget = Budget(BUDGET_BYTES)
        # asyncio's lock is first come, first served: streams that have much to say take turns, a piece each
        self._turn = asyncio.Lock()

    @property
    def streams(self) -> int:
        return len(self._streams)

    async def carry(self, ends: Ends) -> None:
        """Join a connection of this machine to the engine behind the other end, until it is over. For the console."""
        if len(self._streams) >= MOST_STREAMS:
            ends.writer.transport.abort()
            return
        self._numbers += 1
        stream = self._new(self._numbers, drains=True)
        try:
            await self._send(Frame(Kind.OPEN, stream.number))
            await stream.run(ends)
        finally:
            self._streams.pop(stream.number, None)
            ends.writer.transport.abort()

    def take(self, message: bytes) -> None:
        """What has come from the other end. Never waits. Raises BadFrame."""
        self.heard_at = time.monotonic()
        frame = Frame.decoded(message)
        if frame.kind is Kind.PING:
            self._start(self._send(Frame(Kind.PONG)))
        elif frame.kind is Kind.OPEN:
            self._open(frame.stream)
        elif frame.kind is not Kind.PONG and (stream := self._streams.get(frame.stream)):
            # of a stream that is over on this side, the other may still have been sending
            stream.take(frame)

    async def keep(self) -> None:
        """Ask whether the other end is there, and look for streams whose owners have gone, until cancelled.

        Raises Silent.
        """
        asked_at, asking = 0.0, None
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            if now - self.heard_at > SILENT_S:
                raise Silent(f"nothing was heard for {SILENT_S:.0f} s")
            if now - asked_at >= PING_S and (asking is None or asking.done()):
                asked_at, asking = now, self._start(self._send(Frame(Kind.PING)))
            for stream in [stream for stream in self._streams.values() if stream.is_left and not stream.reason]:
                stream.break_off("left")
                self._start(self._send(Frame(Kind.RESET, stream.number, b"left")))

    async def close(self) -> None:
        """Break off all streams, and wait for what this end has begun."""
        for stream in self._streams.values():
            stream.break_off("the tunnel is closed")
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _new(self, number: int, *, drains: bool) -> Stream:
        stream = self._streams[number] = Stream(number, self._send, self._budget, drains=drains)
        return stream

    def _open(self, number: int) -> None:
        if self._opens is None:
            raise BadFrame("the agent opened a stream")
        if number in self._streams:
            raise BadFrame(f"stream {number} is open already")
        if len(self._streams) >= MOST_STREAMS:
            self._start(self._send(Frame(Kind.RESET, number, b"too many streams")))
            return
        self._start(self._serve(self._new(number, drains=False), self._opens))

    async def _serve(self, stream: Stream, opens: Opens) -> None:
        try:
            async with asyncio.timeout(OPEN_S):
                ends = await opens()
        except (OSError, TimeoutError) as error:
            del self._streams[stream.number]
            await self._send(Frame(Kind.RESET, stream.number, str(error).encode()[:200]))
            return
        try:
            await stream.run(ends)
        finally:
            self._streams.pop(stream.number, None)

    async def _send(self, frame: Frame) -> None:
        async with self._turn:
            await self._put(frame.encoded())

    def _start(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        async def quietly() -> None:
            # a connection that is gone is found by whoever reads from it
            with contextlib.suppress(OSError):
                await work

        task = asyncio.create_task(quietly())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task
