"""Container logs while they are read: each log's files are open once, for all its readers.

A reader is a place in them and costs what it has in hand, at most one block. What was rotated away stays open until
the next file is, so that a reader who keeps up loses nothing even of a log of one file, and those who stand still keep
no more than that one on disk. A reader that was in there goes on at the oldest line there is, and says so in that
place. When the container is removed its last files stay open until their readers are through.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol, TypeVar

from engine.containers import log_generations
from engine.containers.changes import Changes
from engine.containers.log_file import read_lines
from engine.host.inotify import MODIFY, MOVED_TO, OVERFLOW, Change
from engine.model.errors import Missing

_T = TypeVar("_T")
_GAP: Final = b"[naru: output before this was rotated away before this client read it]"


class Over(Protocol):
    """A container's end, as a reader waits for it."""

    @property
    def is_over(self) -> bool: ...
    def on_end(self, call: Callable[[], object]) -> None: ...
    def cancel(self) -> None: ...


class _Generation:
    """One open file. Closed by ``drop``, or when the last thread that reads it has finished."""

    def __init__(self, number: int, fd: int) -> None:
        self.number = number
        self.fd = fd
        self.inode = os.fstat(fd).st_ino
        self._reading = 0
        self._is_dropped = False

    @contextlib.contextmanager
    def in_use(self) -> Iterator[int]:
        self._reading += 1
        try:
            yield self.fd
        finally:
            self._reading -= 1
            if self._is_dropped:
                self.drop()

    def drop(self) -> None:
        self._is_dropped = True
        if self._reading == 0 and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class _OpenLog:
    def __init__(self, directory: Path, changes: Changes) -> None:
        self.readers: set[LogReader] = set()
        self.moved = asyncio.Event()  # a reader has left a generation
        self._generations: dict[int, _Generation] = {}  # in order
        self._undo = ExitStack()
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._undo.callback(os.close, self._directory)
        # by the open directory: its path may be gone already
        opened = Path(f"/proc/self/fd/{self._directory}")
        self._undo.enter_context(changes.watching(opened, MODIFY | MOVED_TO, self._changed))
        self.refresh()
        if not self._generations:
            self._undo.close()
            raise Missing("the log is being removed")

    def refresh(self) -> None:
        """Open what was added; drop what was deleted, unless the whole log was."""
        before = max(self._generations, default=0)
        present = log_generations.numbers(self._directory)
        for number in present:
            if number > before:
                self._open(log_generations.generation_name(number), number)
        self._open_current()
        kept_from = min([present[0] - 1, *self.held]) if present else 0
        for number in [number for number in self._generations if number < kept_from]:
            self._generations.pop(number).drop()

    @property
    def held(self) -> list[int]:
        """In which generations those readers are that must not lose anything."""
        return [reader.number for reader in self.readers if reader.holds]

    def newest(self) -> _Generation:
        return self._generations[max(self._generations)]

    def at_or_after(self, number: int) -> _Generation:
        """The oldest one that is not older; there is one, because the newest is never dropped."""
        return next(each for each in self._generations.values() if each.number >= number)

    def has_newer(self, generation: _Generation) -> bool:
        return generation.number < max(self._generations)

    def every(self) -> list[_Generation]:
        return list(self._generations.values())

    def close(self) -> None:
        self._undo.close()
        for generation in self._generations.values():
            generation.drop()

    def _open(self, name: str, number: int) -> None:
        with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._directory)
            generation = _Generation(number, fd)
            if any(generation.inode == each.inode for each in self._generations.values()):
                generation.drop()
            else:
                self._generations[number] = generation

    def _open_current(self) -> None:
        """Nearly always the newest one; it has no number yet where nobody is asked before conmon goes over to it."""
        with contextlib.suppress(FileNotFoundError):
            inode = os.stat(log_generations.CURRENT, dir_fd=self._directory).st_ino
            if all(inode != each.inode for each in self._generations.values()):
                self._open(log_generations.CURRENT, max(self._generations, default=0) + 1)

    def look_again(self) -> None:
        self.refresh()
        for reader in self.readers:
            reader.wake()

    def _changed(self, change: Change) -> None:
        if change.mask & (MOVED_TO | OVERFLOW):
            self.refresh()
        for reader in self.readers:
            reader.wake()


class LogReader:
    """A place in a container's log, at first its end. ``holds``: rotation waits for it. One reader at a time; close it.

    It can be read to the end even after the container is removed.
    """

    def __init__(self, log: _OpenLog, *, holds: bool, closed: Callable[[_OpenLog], None]) -> None:
        self.holds = holds
        self._log = log
        self._closed = closed
        self._changed = asyncio.Event()
        self.go_to_end()
        log.readers.add(self)

    @property
    def number(self) -> int:
        """Of the generation it reads."""
        return self._number

    def wake(self) -> None:
        self._changed.set()

    def go_to_end(self) -> None:
        newest = self._log.newest()
        self._number, self._offset = newest.number, os.fstat(newest.fd).st_size

    def go_to_begin(self) -> None:
        self._number, self._offset = self._log.every()[0].number, 0

    async def go_to(self, find: Callable[[list[int]], tuple[int, int]]) -> None:
        """``find`` is given the open files, oldest first, and answers with the index of one and an offset in it."""
        generations = self._log.every()
        with ExitStack() as using:
            fds = [using.enter_context(generation.in_use()) for generation in generations]
            index, offset = await asyncio.to_thread(find, fds)
        self._number, self._offset = generations[index].number, offset

    async def pieces(self, convert: Callable[[bytes], _T], *, until_over: Over | None) -> AsyncGenerator[_T, None]:
        """Blocks of whole lines, converted in a thread: all there are, and with ``until_over`` those still to come.

        ``convert``'s answers that are false are left out. It is called for one block at a time, in order.
        """
        if until_over is not None:
            until_over.on_end(self.wake)
        while True:
            self._changed.clear()
            is_over = until_over is None or until_over.is_over  # before reading: nothing written before it is missed
            if self._was_rotated_away():
                yield convert(_gap(self._generation().fd))
            generation = self._generation()
            is_complete = self._log.has_newer(generation)  # before reading, too
            size, piece = await _read(generation, self._offset, convert)
            self._offset += size
            if size:
                if piece:
                    yield piece
                del piece  # whoever took it may be done with it long before there is another one
            elif is_complete:
                self._go_to(generation.number + 1)
            elif not is_over:
                await self._changed.wait()
            else:
                self._log.refresh()  # perhaps conmon went over to another file and we were not told yet
                if not self._log.has_newer(generation):
                    return

    def close(self) -> None:
        if self in self._log.readers:
            self._log.readers.discard(self)
            self._log.moved.set()
            self._closed(self._log)

    def _generation(self) -> _Generation:
        return self._log.at_or_after(self._number)

    def _was_rotated_away(self) -> bool:
        number = self._generation().number
        if number == self._number:
            return False
        self._go_to(number)
        return True

    def _go_to(self, number: int) -> None:
        self._number, self._offset = number, 0
        self._log.moved.set()


class OpenLogs:
    """The logs that somebody reads. For the loop's thread."""

    def __init__(self, directory_of: Callable[[str], Path], changes: Changes) -> None:
        self._directory_of = directory_of
        self._changes = changes
        self._open: dict[str, _OpenLog] = {}

    def read(self, container_id: str, *, holds: bool = False) -> LogReader:
        """At the end of the container's log as it is now."""
        log = self._open.get(container_id)
        if log is None:
            log = self._open[container_id] = _OpenLog(self._directory_of(container_id), self._changes)
        else:
            log.refresh()

        def closed(of: _OpenLog) -> None:
            if not of.readers and self._open.pop(container_id, None) is not None:
                of.close()

        return LogReader(log, holds=holds, closed=closed)

    async def left_behind(self, container_id: str, number: int) -> None:
        """Until no reader that holds rotation is in generation ``number`` or an older one; a newer one is there."""
        if log := self._open.get(container_id):
            log.look_again()
        while (log := self._open.get(container_id)) is not None:
            log.moved.clear()
            if min(log.held, default=number + 1) > number:
                return
            await log.moved.wait()


async def _read(generation: _Generation, offset: int, convert: Callable[[bytes], _T]) -> tuple[int, _T | None]:
    def read_and_convert() -> tuple[int, _T | None]:
        data = read_lines(generation.fd, offset)
        return len(data), convert(data) if data else None

    with generation.in_use():
        return await asyncio.to_thread(read_and_convert)


def _gap(fd: int) -> bytes:
    """A line as conmon would have written it, of the time of the oldest one there is."""
    time = os.pread(fd, 36, 0) or b"1970-01-01T00:00:00.000000000+00:00 "
    return time + b"stderr F " + _GAP + b"\n"
