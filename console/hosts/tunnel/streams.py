"""One stream of a tunnel: a connection of this machine, joined to one on the other by way of the wire between them."""

import asyncio
import contextlib
import select
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from console.hosts.tunnel.frames import FIRST_WINDOW, MOST_WINDOW, PIECE, BadFrame, Frame, Kind

# what waits in a transport above this makes its writer wait
HIGH_WATER = 16 * 1024


@dataclass(frozen=True, slots=True)
class Ends:
    """A connection of this machine."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Budget:
    """What all streams of a tunnel together may have in memory beyond their first window."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def take(self, size_bytes: int) -> bool:
        if size_bytes > self._left:
            return False
        self._left -= size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        self._left += size_bytes


class Sends(Protocol):
    def __call__(self, frame: Frame) -> Awaitable[None]: ...


class Stream:
    """Bytes go both ways until both are at their end, or one side breaks off. Holds at most a window each way.

    ``drains``: what had come before the other side broke off is still passed on.
    """

    def __init__(self, number: int, send: Sends, budget: Budget, *, drains: bool) -> None:
        self.number = number
        self._send = send
        self._budget = budget
        self._drains = drains
        self._ends: Ends | None = None
        # outwards: how much the other side still takes
        self._credit = FIRST_WINDOW
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._has_ended = False
        # inwards: what has come, None being its end; how much more may come; what was passed on without new credit
        self._arrived: deque[bytes | None] = deque()
        self._has_arrived = asyncio.Event()
        self._may_come = FIRST_WINDOW
        self._window = FIRST_WINDOW
        self._passed = 0
        self._since_grown = 0
        self._broken = asyncio.Event()
        self.reason = ""

    # --- what the other side says ---

    def take(self, frame: Frame) -> None:
        """Never waits. Raises BadFrame for what was not agreed on."""
        if frame.kind is Kind.DATA:
            self._may_come -= len(frame.data)
            if self._may_come < 0 or not frame.data:
                raise BadFrame("more than the window")
            self._arrive(frame.data)
        elif frame.kind is Kind.END:
            self._arrive(None)
        elif frame.kind is Kind.WINDOW:
            self._credit += frame.more
            if self._credit > MOST_WINDOW:
                raise BadFrame("a window too wide")
            self._may_send.set()
        else:
            self.break_off(frame.data.decode(errors="replace"))

    def break_off(self, reason: str) -> None:
        """The other side has, or is gone altogether."""
        self.reason = self.reason or reason
        self._broken.set()
        self._arrive(None)

    @property
    def is_left(self) -> bool:
        """Its owner on this machine has closed it altogether, so that there is nobody to pass anything on to.

        Known only once all that it had to say is sent: a connection that is closed both ways hangs up (poll(2)), one
        that is only half closed does not.
        """
        if self._ends is None or not self._has_ended or self._ends.writer.is_closing():
            return False
        socket = self._ends.writer.get_extra_info("socket")
        if socket.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(socket.fileno(), 0)
        return any(event & (select.POLLHUP | select.POLLERR) for _fd, event in poll.poll(0))

    # --- passing on ---

    async def run(self, ends: Ends) -> None:
        """Until it is over, and the connection of this machine closed. The other side is told if it was broken off."""
        self._ends = ends
        ends.writer.transport.set_write_buffer_limits(high=HIGH_WATER)
        ways = [asyncio.create_task(way) for way in (self._outwards(ends.reader), self._inwards(ends.writer))]
        breaking = asyncio.create_task(self._broken.wait())
        try:
            await self._until_over(ways, breaking)
            await _closed(ends.writer)
        finally:
            for task in (*ways, breaking):
                task.cancel()
            await asyncio.gather(*ways, breaking, return_exceptions=True)
            self._budget.give_back(self._window - FIRST_WINDOW)
            ends.writer.transport.abort()

    async def _until_over(self, ways: Sequence["asyncio.Task[None]"], breaking: "asyncio.Task[bool]") -> None:
        outwards, inwards = ways
        while going := [way for way in ways if not way.done()]:
            await asyncio.wait({*going, breaking}, return_when=asyncio.FIRST_COMPLETED)
            failed = next((way.exception() for way in ways if way.done() and way.exception()), None)
            if failed is not None:
                await self._tell_broken(str(failed))
            if self._broken.is_set():
                outwards.cancel()
                if self._drains and failed is None:
                    await asyncio.wait({inwards})
                else:
                    inwards.cancel()
                return

    async def _outwards(self, reader: asyncio.StreamReader) -> None:
        while True:
            while self._credit <= 0:
                self._may_send.clear()
                await self._may_send.wait()
            data = await reader.read(min(PIECE, self._credit))
            if not data:
                break
            self._credit -= len(data)
            await self._send(Frame(Kind.DATA, self.number, data))
        await self._send(Frame(Kind.END, self.number))
        self._has_ended = True

    async def _inwards(self, writer: asyncio.StreamWriter) -> None:
        while (data := await self._next()) is not None:
            writer.write(data)
            await writer.drain()
            await self._give_credit(len(data))
        if not self._broken.is_set() and writer.can_write_eof():
            writer.write_eof()

    async def _next(self) -> bytes | None:
        while not self._arrived:
            self._has_arrived.clear()
            await self._has_arrived.wait()
        return self._arrived.popleft()

    async def _give_credit(self, passed: int) -> None:
        """In halves of a window. What flows gets a wider one, as long as there is memory for it."""
        self._passed += passed
        self._since_grown += passed
        if self._passed < self._window // 2 or self._broken.is_set():
            return
        more, self._passed = self._passed, 0
        if self._since_grown > 2 * self._window <= MOST_WINDOW and self._budget.take(self._window):
            more, self._window, self._since_grown = more + self._window, 2 * self._window, 0
        self._may_come += more
        await self._send(Frame.window(self.number, more))

    def _arrive(self, data: bytes | None) -> None:
        self._arrived.append(data)
        self._has_arrived.set()

    async def _tell_broken(self, reason: str) -> None:
        if not self._broken.is_set():
            self.reason = reason
            self._broken.set()
            with contextlib.suppress(OSError):
                await self._send(Frame(Kind.RESET, self.number, reason.encode()[:200]))


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Once what is still in the transport is out, or nobody takes it any more."""
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()
