"""One client attached to a container: output from the log file, input to the engine's one connection.

A client that reads slowly only lags behind in the log: it costs no memory, and holds the container up no sooner than
it would lose output, when all files of the log are full.
"""

import contextlib
from collections import deque
from collections.abc import AsyncGenerator

from engine.containers.log_file import STDERR, STDOUT, Selection
from engine.containers.open_logs import LogReader
from engine.containers.standard_input import StandardInput
from engine.containers.waiting import Waiter

_Output = list[tuple[int, bytes]]


class AttachSession:
    """Close it. ``tty`` tells the client that there is one raw stream. One reader and one writer at a time."""

    def __init__(
        self,
        *,
        reader: LogReader,
        until_over: Waiter | None,
        stdout: bool,
        stderr: bool,
        tty: bool,
        standard_input: StandardInput | None,
        ends_input: bool,
    ) -> None:
        self.tty = tty
        self._reader = reader
        self._until_over = until_over
        self._streams = wanted_streams(stdout=stdout, stderr=stderr, tty=tty)
        selection = Selection(self._streams)
        self._pieces: AsyncGenerator[_Output, None] = reader.pieces(selection.output, until_over=until_over)
        self._pending: deque[tuple[int, bytes]] = deque()
        self._input = standard_input
        self._ends_input = ends_input

    async def read(self) -> tuple[int, bytes] | None:
        """The next output: 1 or 2, and bytes. None when the container has ended and all was read."""
        if not self._streams:
            if self._until_over is not None:
                await self._until_over.exit()
            return None
        if not self._pending:
            output = await anext(self._pieces, None)
            if output is None:
                return None
            self._pending.extend(output)
        return self._pending.popleft()

    async def write(self, data: bytes) -> None:
        """Input for the container; waits while it does not read. Dropped when it has no input."""
        if self._input is not None:
            await self._input.write(data)

    def close_stdin(self) -> None:
        """The client has no more input. Ends the container's only if it was made so (``StdinOnce``)."""
        if self._input is not None and self._ends_input:
            self._input.end()

    async def close(self) -> None:
        if self._input is not None and self._input.is_connected:
            self.close_stdin()
        if self._until_over is not None:
            self._until_over.cancel()
        with contextlib.suppress(RuntimeError):  # a reader that is being cancelled closes it itself
            await self._pieces.aclose()
        self._reader.close()


def wanted_streams(*, stdout: bool, stderr: bool, tty: bool) -> frozenset[int]:
    """A terminal's only stream is standard output."""
    return frozenset(stream for stream, wanted in ((STDOUT, stdout), (STDERR, stderr and not tty)) if wanted)
