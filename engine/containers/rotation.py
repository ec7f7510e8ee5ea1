"""Keeping the last files of each log, and no more, while conmon goes from one file to the next.

conmon renames its next file over the one it has filled. It is made to wait before that: opening the next file needs
our leave. So each file has its number before it is left, however fast the container writes, and clients that are
attached, who must not lose anything, hold it up when they are about to (as they do with Docker). While no engine runs
nobody is asked: conmon goes on by itself, and keeps one file.

Where the kernel does not let us ask, we learn of a rename afterwards: a container that fills a whole file within that
time loses it.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import EngineConfig
from engine.containers import log_generations
from engine.containers.changes import Changes
from engine.containers.chores import Chores
from engine.containers.open_logs import OpenLogs
from engine.host import processes
from engine.host.fanotify import OpenGate, OpenRequest
from engine.host.inotify import MOVED_TO, Change
from engine.model.container import Container, ProcessIdentity
from engine.model.errors import Missing
from engine.wire.log_config import UNLIMITED, LogLimits, log_limits

_log = logging.getLogger(__name__)
_LEAST_BYTES = 10_000  # of one file; conmon writes up to 8 KiB of output at once


@dataclass(slots=True)
class _Kept:
    """A log of which the last ``files`` files are kept."""

    container_id: str
    directory: Path
    files: int
    process: ProcessIdentity
    undo: ExitStack = field(default_factory=ExitStack)


class Rotation:
    """For the loop's thread. ``close`` it before the loop ends: conmons that wait go on."""

    def __init__(self, config: EngineConfig, logs: OpenLogs) -> None:
        self._config = config
        self._default = LogLimits(config.log_max_size, config.log_max_file)
        self._logs = logs
        self._rotating = Chores()
        self._kept: dict[str, _Kept] = {}
        self._gate: OpenGate | None = None
        self._thread: threading.Thread | None = None
        self._renames: Changes | None = None

    def make_ready(self, container: Container) -> None:
        """Before conmon opens the log: it counts from nothing, whatever is in the file already. Blocks."""
        directory = self._config.log_dir(container.id)
        log_generations.settle(directory, is_written=False)
        size, files = self._limits(container)
        if size and log_generations.current_size(directory) > size // 2:
            log_generations.begin_new(directory)
            log_generations.drop(directory, log_generations.surplus(directory, keep=files))

    def monitor_size(self, container: Container) -> int:
        """conmon's --log-size-max, so that no file becomes too large; 0 for none. After ``make_ready``. Blocks."""
        size, _ = self._limits(container)
        return size and size - log_generations.current_size(self._config.log_dir(container.id))

    def _limits(self, container: Container) -> tuple[int, int]:
        """Bytes of one file, 0 for no limit, and the number of files."""
        limits = log_limits(container.spec.log, default=self._default)
        return 0 if limits.size_bytes == UNLIMITED else max(limits.size_bytes, _LEAST_BYTES), limits.files

    def adopt(self, container: Container, process: ProcessIdentity) -> None:
        """``keep`` one that was found running."""
        self.keep(container, process)
        if kept := self._kept.get(container.id):
            _catch_up(kept)  # only now, so that nothing can happen in between

    def keep(self, container: Container, process: ProcessIdentity) -> None:
        """From now on: after conmon has opened the log, before the container's program writes. One system call."""
        self.forget(container.id)
        size, files = self._limits(container)
        if not size:
            return
        if self._gate is None and self._renames is None:
            self._open_gate()
        directory = self._config.log_dir(container.id)
        kept = self._kept[container.id] = _Kept(container.id, directory, files, process)
        if self._gate is not None:
            self._gate.watch(directory)
            kept.undo.callback(self._gate.unwatch, directory)
        elif self._renames is not None:
            kept.undo.enter_context(self._renames.watching(directory, MOVED_TO, self._renamed(kept)))

    def forget(self, container_id: str) -> None:
        """The container has ended. Safe to repeat."""
        if kept := self._kept.pop(container_id, None):
            with contextlib.suppress(OSError):  # the directory is gone, and its watch with it
                kept.undo.close()

    async def close(self) -> None:
        for container_id in tuple(self._kept):
            self.forget(container_id)
        await self._rotating.close(timeout_s=0)
        if self._gate is not None and self._thread is not None:
            self._gate.end()
            await asyncio.to_thread(self._thread.join)
            self._gate.close()
        if self._renames is not None:
            await self._renames.close()

    def _open_gate(self) -> None:
        try:
            self._gate = OpenGate()
        except OSError as error:
            _log.warning("logs are rotated without asking first, so that very fast ones can lose lines: %s", error)
            self._renames = Changes()
            return
        arguments = (self._gate, asyncio.get_running_loop())
        self._thread = threading.Thread(target=self._answer, args=arguments, name="log rotation", daemon=True)
        self._thread.start()

    def _answer(self, gate: OpenGate, loop: asyncio.AbstractEventLoop) -> None:
        """Everyone may open files of a log at once, but for conmon its next one: that is the loop's business.

        Opens nothing, and must not end: who opens a log's file waits for it, this process included.
        """
        while True:
            try:
                requests = gate.wait()
            except OSError:
                _log.exception("somebody could not open a file of a log")
                continue
            if not requests:
                return
            for request in requests:
                if request.path.name == log_generations.NEXT:
                    loop.call_soon_threadsafe(self._asked, gate, request)
                else:
                    gate.allow(request)

    def _asked(self, gate: OpenGate, request: OpenRequest) -> None:
        kept = self._kept.get(request.path.parent.parent.name)
        if kept is None:
            gate.allow(request)
        else:
            self._rotating.start(self._rotate(gate, request, kept), what=f"log of {kept.container_id[:12]}")

    async def _rotate(self, gate: OpenGate, request: OpenRequest, kept: _Kept) -> None:
        """conmon has filled its file and waits to open the next one."""
        try:
            surplus = await asyncio.to_thread(_link_next, kept)
            if surplus:
                await self._read_or_ended(kept, surplus[-1])
                await asyncio.to_thread(log_generations.drop, kept.directory, surplus)
        finally:
            gate.allow(request)

    async def _read_or_ended(self, kept: _Kept, number: int) -> None:
        """Wait until attached clients have read so far; no longer when the container has ended, which must be seen.

        The little that comes after its end is in the files that are open for them.
        """
        reading = asyncio.create_task(self._logs.left_behind(kept.container_id, number))
        await asyncio.sleep(0)
        if reading.done():
            return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            pidfd = processes.open_pidfd(kept.process)
        except Missing:
            reading.cancel()
            return
        loop.add_reader(pidfd, ended.set)  # readable once the process has ended (pidfd_open(2))
        waiting = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            reading.cancel()
            waiting.cancel()

    def _renamed(self, kept: _Kept) -> Callable[[Change], None]:
        def after(_: Change) -> None:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                _catch_up(kept)

        return after


def _catch_up(kept: _Kept) -> None:
    """With what happened while nobody was asked."""
    log_generations.settle(kept.directory, is_written=True)
    log_generations.drop(kept.directory, log_generations.surplus(kept.directory, keep=kept.files))


def _link_next(kept: _Kept) -> list[int]:
    """What is too many afterwards."""
    log_generations.settle(kept.directory, is_written=True)  # conmon may have gone over while nobody was asked
    log_generations.link_next(kept.directory)
    return log_generations.surplus(kept.directory, keep=kept.files)
