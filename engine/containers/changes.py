"""One inotify queue for all that the containers' side watches: log files that grow, exit files that appear."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.host.inotify import OVERFLOW, Change, Inotify

_Call = Callable[[Change], None]


class Changes:
    """Calls back on changes, in the loop's thread. The kernel allows only 128 queues per user, hence one for all."""

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._calls: dict[int, list[_Call]] = defaultdict(list)
        self._task = asyncio.create_task(self._dispatch(), name="inotify")

    @contextlib.contextmanager
    def watching(self, path: Path, mask: int, call: _Call) -> Iterator[None]:
        """``call`` for each change until the block ends. All watches of one path must use the same mask."""
        watch = self._inotify.watch(path, mask)
        self._calls[watch].append(call)
        try:
            yield
        finally:
            self._calls[watch].remove(call)
            if not self._calls[watch]:
                del self._calls[watch]
                self._inotify.unwatch(watch)

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._inotify.close()

    async def _dispatch(self) -> None:
        while True:
            for change in await self._inotify.read():
                for call in self._concerned(change):
                    call(change)

    def _concerned(self, change: Change) -> list[_Call]:
        if change.mask & OVERFLOW:  # the kernel dropped some: everyone looks again
            return [call for calls in self._calls.values() for call in calls]
        return list(self._calls.get(change.watch, ()))
