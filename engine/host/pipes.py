"""The engine's ends of another program's input and output: pipes, or the master of its terminal.

Nothing is read ahead and nothing is queued: who does not read holds the program up as any full pipe does.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from typing import Final

_MOST_BYTES: Final = 256 << 10
_LINGER_S: Final = 2.0


class Output:
    """What a program writes, by stream number. One task at a time reads. Owns the descriptors."""

    def __init__(self, descriptors: Mapping[int, int]) -> None:
        self._descriptors = dict(descriptors)
        self._patience_s: float | None = None
        self._woken = asyncio.Event()
        for descriptor in self._descriptors.values():
            os.set_blocking(descriptor, False)

    async def read(self) -> tuple[int, bytes] | None:
        """The next piece of any stream; None when every stream has ended, or has nothing more to wait for."""
        while self._descriptors:
            for stream, descriptor in tuple(self._descriptors.items()):
                try:
                    data = os.read(descriptor, _MOST_BYTES)
                except BlockingIOError:
                    continue
                except OSError:  # EIO: nobody has the terminal open any more (pty(7))
                    data = b""
                if data:
                    self._descriptors[stream] = self._descriptors.pop(stream)  # the others have their turn first
                    return stream, data
                os.close(self._descriptors.pop(stream))
                break
            else:
                if not await self._is_readable():
                    self.close()
        return None

    def program_ended(self) -> None:
        """What it left behind in the background may still hold its output open: that is waited for no longer."""
        self._patience_s = _LINGER_S
        self._woken.set()

    def close(self) -> None:
        while self._descriptors:
            _, descriptor = self._descriptors.popitem()
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
        self._woken.set()

    async def _is_readable(self) -> bool:
        """Waits. False when there was nothing for too long after the program's end."""
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        self._woken.clear()
        watched = tuple(self._descriptors.values())
        for descriptor in watched:
            loop.add_reader(descriptor, self._woken.set)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            for descriptor in watched:
                if descriptor in self._descriptors.values():  # not closed, and perhaps given to another, meanwhile
                    loop.remove_reader(descriptor)
        if self._patience_s is not None:
            self._patience_s = max(0.0, self._patience_s - (loop.time() - began))
        return True


class Input:
    """What a program reads. One task at a time writes. Owns the descriptor."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._woken = asyncio.Event()

    async def write(self, data: bytes) -> None:
        """Waits while the program does not read. Dropped once it has ended or closed its input."""
        rest = memoryview(data)
        while rest and self._descriptor >= 0:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                await self._writable()
            except OSError:  # EPIPE, and EIO of a terminal: there is no reader any more
                self.close()

    def close(self) -> None:
        """The program reads end of file, unless this was its terminal. Safe to repeat."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_writer(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            self._woken.set()

    async def _writable(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._descriptor
        self._woken.clear()
        loop.add_writer(descriptor, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            if descriptor == self._descriptor:  # not closed, and perhaps given to another, meanwhile
                loop.remove_writer(descriptor)


async def readable(descriptor: int) -> None:
    """Until there is something to read, or the end."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, woken.set)
    try:
        await woken.wait()
    finally:
        with contextlib.suppress(OSError):
            loop.remove_reader(descriptor)
