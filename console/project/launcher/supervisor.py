"""Keeps parts running: starts them in order, restarts what dies or hangs, stops them in reverse.

Each part is a session of its own, so that Ctrl-C reaches only the launcher, and is told by the kernel to stop should
the launcher die. What a part prints is shown with its name before it and kept in a bounded file.
"""

import asyncio
import contextlib
import logging
import logging.handlers
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from console.project.launcher.parts import STOP_TIMEOUT_S, Part

READY_TIMEOUT_S = 60.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.2, 10.0
STEADY_S = 30.0  # up for so long: the next failure is a new one
HUNG_S = 25.0  # an alive file is touched every 5 s
_LOOK_S = 5.0
_LOG_BYTES = 5 << 20


class PartFailed(Exception):
    """A part did not become ready; the text names it and shows what it said last."""


class Supervisor:
    """``say`` gets one line at a time, as (name of part, text). ``hung_s``: an alive file older than that is hung."""

    def __init__(
        self, *, environ: Mapping[str, str], log_dir: Path, say: Callable[[str, str], None], hung_s: float = HUNG_S
    ) -> None:
        self._environ = {**os.environ, **environ}
        self._log_dir = log_dir
        self._say = say
        self._hung_s = hung_s
        self._running: list[_Running] = []

    async def start(self, part: Part) -> None:
        """Returns when the part is ready. Raises PartFailed; what was started before keeps running until ``stop``."""
        running = _Running(part, environ=self._environ, log_dir=self._log_dir, say=self._say, hung_s=self._hung_s)
        self._running.append(running)
        await running.start()
        running.keep_up()

    async def watch(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(running.task for running in self._running if running.task))

    async def stop(self) -> None:
        """In reverse order of starting, each within its time. Safe to repeat."""
        while self._running:
            await self._running.pop().stop()


class _Running:
    """One part and its present process."""

    def __init__(
        self, part: Part, *, environ: Mapping[str, str], log_dir: Path, say: Callable[[str, str], None], hung_s: float
    ) -> None:
        self.part = part
        self.task: asyncio.Task[None] | None = None
        self._environ = {**environ, **part.environ}
        self._say = say
        self._hung_s = hung_s
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._started = 0.0
        self._last_words: list[str] = []
        self._log = _bounded_log(part.name, log_dir)

    async def start(self) -> None:
        if self.part.alive_file:
            self.part.alive_file.parent.mkdir(parents=True, exist_ok=True)
            self.part.alive_file.unlink(missing_ok=True)
        self._started = time.time()
        self._process = await asyncio.create_subprocess_exec(
            "setpriv",
            "--pdeathsig",
            "TERM",
            *self.part.argv,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        await self._until_ready(self._process)

    def keep_up(self) -> None:
        self.task = asyncio.create_task(self._restart_for_ever(), name=f"keep up {self.part.name}")

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        await self._end_process()
        self._log.close()

    async def _restart_for_ever(self) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            await self._until_dead_or_hung()
            if time.time() - self._started > STEADY_S:
                delay_s = FIRST_DELAY_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)
            with contextlib.suppress(PartFailed):  # said by _until_ready; the next round tries again
                await self.start()

    async def _until_dead_or_hung(self) -> None:
        assert self._process
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_S, self._hung_s / 2)):
                    code = await self._process.wait()
                self._note(f"ended with {_spoken(code)}; starting it again")
                break
            if self._is_hung():
                self._note(f"took no work for {self._hung_s:.0f} s; starting it again")
                break
        await self._end_process()

    def _is_hung(self) -> bool:
        if self.part.alive_file is None:
            return False
        try:
            seen = self.part.alive_file.stat().st_mtime
        except FileNotFoundError:
            seen = 0.0
        return time.time() - max(seen, self._started) > self._hung_s

    async def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signum)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
        if self._reader:
            # a grandchild may hold the pipe open (conmon does); what the part itself said has been read by now
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not await self._is_ready():
            if process.returncode is not None or time.monotonic() > deadline:
                how = "is not ready" if process.returncode is None else f"ended with {_spoken(process.returncode)}"
                words = "".join(f"\n    {line}" for line in self._last_words)
                self._note(how)
                await self._end_process()
                raise PartFailed(f"{self.part.name} {how}. It said:{words or ' nothing'}")
            await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        if self.part.alive_file:
            return self.part.alive_file.exists()
        if self.part.ready_address is None:
            return True
        try:
            async with asyncio.timeout(5):
                answer = await _ask(self.part.ready_address, self.part.ready_request)
        except OSError:
            return False
        return self.part.ready_reply in answer

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        while raw := await _read_line(process.stdout):
            line = raw.decode(errors="replace").rstrip()
            self._last_words = [*self._last_words[-14:], line]
            self._log.emit(logging.makeLogRecord({"msg": line}))
            self._say(self.part.name, line)

    def _note(self, text: str) -> None:
        self._log.emit(logging.makeLogRecord({"msg": f"-- {text} --"}))
        self._say(self.part.name, text)


def _bounded_log(name: str, log_dir: Path) -> logging.handlers.RotatingFileHandler:
    log_dir.mkdir(parents=True, exist_ok=True)
    return logging.handlers.RotatingFileHandler(log_dir / f"{name}.log", maxBytes=_LOG_BYTES, backupCount=2)


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """A line, or a piece of one that is too long for the reader's buffer."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.readexactly(long.consumed)


async def _ask(address: Path | tuple[str, int], request: bytes) -> bytes:
    if isinstance(address, Path):
        reader, writer = await asyncio.open_unix_connection(address)
    else:
        reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read(256)
    finally:
        writer.close()


def _spoken(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def banner(lines: Sequence[str]) -> str:
    """``lines`` in a frame, so that the one thing to click stands out from the parts' talk."""
    width = max(map(len, lines))
    frame = "─" * (width + 4)
    return "\n".join([f"┌{frame}┐", *(f"│  {line.ljust(width)}  │" for line in lines), f"└{frame}┘"])
