"""One client's conversation with an exec's program, from before its start until the client leaves or the end."""

import asyncio

from engine.containers.chores import Chores
from engine.containers.exec_process import STDERR, STDOUT, ExecFailed, ExecProcess
from engine.model.exec import ExecSpec


class ExecSession:
    """Close it. The program goes on without its client, and what it then writes is dropped.

    One reader and one writer at a time. A client that does not read holds the program up, as a full pipe does.
    """

    def __init__(self, process: ExecProcess, spec: ExecSpec, *, chores: Chores) -> None:
        self.tty = spec.tty
        self._process = process
        self._chores = chores
        self._streams = {
            stream for stream, wanted in ((STDOUT, spec.attach_stdout), (STDERR, spec.attach_stderr)) if wanted
        }
        self._has_streams = asyncio.Event()
        self._is_over = asyncio.Event()
        self._failure: ExecFailed | None = None
        self._has_told = False
        self._input_is_over = False

    async def started(self) -> None:
        """Until the program runs. Raises ExecFailed when it cannot."""
        await self._process.is_decided.wait()
        if not self._process.pid:
            await self._is_over.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def failure(self) -> ExecFailed | None:
        """Once it is over: why the program could not be run, if so."""
        return self._failure

    async def read(self) -> tuple[int, bytes] | None:
        """The next output: 1 or 2, and bytes. None after the program's end: its exit code is on record by then.

        A program that cannot be run has one line that says why, for clients that do not hear of it otherwise.
        """
        await self._has_streams.wait()
        while (piece := await self._process.read()) is not None:
            if piece[0] in self._streams:
                return piece
        await self._is_over.wait()
        if self._failure is None or self._has_told:
            return None
        self._has_told = True
        return STDOUT, f"{self._failure}\r\n".encode()

    async def write(self, data: bytes) -> None:
        """Waits while the program does not read. Dropped when it has no input."""
        await self._has_streams.wait()
        if self._process.input is not None:
            await self._process.input.write(data)

    def close_stdin(self) -> None:
        """The client has no more input: the program reads end of file. A terminal has no such end."""
        self._input_is_over = True
        if self._process.input is not None and not self.tty:
            self._process.input.close()

    async def close(self) -> None:
        """The client leaves."""
        self.close_stdin()
        self._streams.clear()
        self._chores.start(self._drop_rest(), what="output of an exec")

    async def _drop_rest(self) -> None:
        while await self.read() is not None:
            pass

    # -- for the program's owner

    def begin(self) -> None:
        """The streams are there."""
        if self._input_is_over:
            self.close_stdin()
        self._has_streams.set()

    def end(self, failure: ExecFailed | None = None) -> None:
        """The exit code is on record."""
        self._failure = failure
        self._is_over.set()
        self._has_streams.set()
