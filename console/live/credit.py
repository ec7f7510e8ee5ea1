"""How much a reader may be sent before it says that it has shown what it got."""

import asyncio

WINDOW_BYTES = 256 * 1024


class CreditWindow:
    """Bounded memory for slow readers: whoever sends waits here, and reads nothing while it waits."""

    def __init__(self, window_bytes: int = WINDOW_BYTES) -> None:
        self._window_bytes = window_bytes
        self._left_bytes = window_bytes
        self._given = asyncio.Event()
        self._given.set()

    async def wait(self) -> None:
        """Until something may be sent. One chunk may overdraw the window; the next then waits longer."""
        await self._given.wait()

    def spend(self, size_bytes: int) -> None:
        self._left_bytes -= size_bytes
        if self._left_bytes <= 0:
            self._given.clear()

    def give(self, size_bytes: int) -> None:
        # a client cannot save up more than one window
        self._left_bytes = min(self._window_bytes, self._left_bytes + size_bytes)
        if self._left_bytes > 0:
            self._given.set()
