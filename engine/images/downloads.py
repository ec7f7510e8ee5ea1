"""Blobs on their way in: a few at a time, and each only once however many pulls wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.model.digest import Digest
from engine.model.errors import EngineError
from engine.model.transfer import LayerStep, Tell, Telling

_AT_ONCE = 3  # as many as Docker's

Fetch = Callable[[Tell], Awaitable[None]]


@dataclass(eq=False)
class _Running:
    """``listeners`` are told what happens; with the last of them the download goes."""

    listeners: list[Tell] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None

    def tell(self, telling: Telling) -> None:
        for listener in self.listeners:
            listener(telling)


class Downloads:
    """For one event loop."""

    def __init__(self) -> None:
        self._running: dict[Digest, _Running] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def once(self, blob: Digest, fetch: Fetch, tell: Tell) -> None:
        """``fetch`` the blob, unless somebody does already: then wait for that, and fetch only if it fails.

        Cancelling ends the waiting; the download itself ends when nobody waits for it any more.
        """
        while True:
            running = self._running.get(blob)
            is_ours = running is None
            if running is None:
                running = self._running[blob] = _Running()
                running.task = asyncio.create_task(self._run(blob, running, fetch))
            try:
                return await self._wait(blob, running, tell)
            except EngineError:
                if is_ours:
                    raise  # what failed another's, a password for example, need not fail ours

    async def _wait(self, blob: Digest, running: _Running, tell: Tell) -> None:
        assert running.task is not None
        running.listeners.append(tell)
        try:
            await asyncio.shield(running.task)
        finally:
            running.listeners.remove(tell)
            if not running.listeners and not running.task.done():
                self._forget(blob, running)
                running.task.cancel()
                await asyncio.gather(running.task, return_exceptions=True)

    async def _run(self, blob: Digest, running: _Running, fetch: Fetch) -> None:
        try:
            if self._room.locked():
                running.tell(LayerStep(blob.short, "Waiting"))
            async with self._room:
                await fetch(running.tell)
        finally:
            self._forget(blob, running)

    def _forget(self, blob: Digest, running: _Running) -> None:
        if self._running.get(blob) is running:
            del self._running[blob]
