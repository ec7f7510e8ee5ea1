"""Layers of an archive unpacked while the archive comes, instead of from their blobs afterwards.

Which image a layer is of, and whether it is what that says, is known only at the end of the archive. Until then it is a
draft. It costs a place to be unpacked ahead; an archive that finds none is unpacked afterwards, like a layer whose
unpacking ahead failed: the error is then told as ever.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from engine.model.digest import Digest
from engine.model.errors import EngineError, Invalid
from engine.store.drafts import Draft, Drafts

_ARCHIVES_AT_ONCE: Final = 2  # a client that sends slowly keeps its place, and those beside it do without
_LAYERS_AT_ONCE: Final = 2  # of one archive: the next comes in while the last is still being written
_PIPE_BYTES: Final = 1 << 20


class Feed:
    """Takes a layer's bytes, in the thread that reads the archive, and then what their digest is."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe
        self._given: Digest | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Waits while the unpacking is behind; what is written after it failed is lost."""
        view = memoryview(data)
        try:
            while view and self._pipe is not None:
                view = view[os.write(self._pipe, view) :]
        except BrokenPipeError:
            self.end()

    def digest(self) -> Digest:
        if self._given is None:
            raise Invalid("the archive broke off within a layer")
        return self._given

    def end(self, given: Digest | None = None) -> None:
        """Safe to repeat. Without the digest of what was written it was not all."""
        self._given = self._given or given
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


class Ahead:
    """One archive's layers. ``begin`` and ``keep`` are called in the thread that reads it, the rest in the loop."""

    def __init__(self, drafts: Drafts, held: AsyncExitStack) -> None:
        self._drafts = drafts
        self._held = held
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_LAYERS_AT_ONCE)
        self._drafted: dict[Feed, asyncio.Task[Draft]] = {}
        self._kept: dict[Digest, Feed] = {}

    def begin(self, *, is_plain: bool) -> Feed:
        """For the next layer, compressed or not. Blocks shortly."""
        return asyncio.run_coroutine_threadsafe(self._begin(is_plain=is_plain), self._loop).result()

    def keep(self, feed: Feed, blob: Digest) -> None:
        """What ``feed`` got is stored as ``blob``."""
        self._kept[blob] = feed

    async def draft(self, blob: Digest) -> Draft | None:
        """What ``blob`` was unpacked to, once; None when it was not, or failed."""
        feed = self._kept.pop(blob, None)
        if feed is None:
            return None
        try:
            draft = await self._drafted[feed]
        except (EngineError, OSError):
            return None
        return draft.stored_as(blob) if draft.unpacked.blob == feed.digest() else None

    async def close(self) -> None:
        for feed, drafted in self._drafted.items():
            feed.end()
            drafted.cancel()
        await asyncio.gather(*self._drafted.values(), return_exceptions=True)

    async def _begin(self, *, is_plain: bool) -> Feed:
        path = await self._held.enter_async_context(self._drafts.place())
        reading, writing = os.pipe2(os.O_CLOEXEC)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        feed = Feed(writing)
        digest = feed.digest if is_plain else None  # what is written to it is hashed already
        self._drafted[feed] = asyncio.create_task(self._fill(path, reading, digest))
        return feed

    async def _fill(self, path: Path, pipe: int, digest: Callable[[], Digest] | None) -> Draft:
        with os.fdopen(pipe, "rb", buffering=0) as file:
            async with self._room:
                return await self._drafts.fill_ahead(path, file, digest=digest)


class Places:
    """For one engine."""

    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts
        self._free = _ARCHIVES_AT_ONCE

    @asynccontextmanager
    async def ahead(self) -> AsyncIterator[Ahead | None]:
        """None when all places are taken. What was unpacked and found no use is gone with the block."""
        if not self._free:
            yield None
            return
        self._free -= 1
        try:
            async with AsyncExitStack() as held:
                ahead = Ahead(self._drafts, held)
                try:
                    yield ahead
                finally:
                    await ahead.close()
        finally:
            self._free += 1
