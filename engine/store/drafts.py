"""Layers on their way in: unpacked by a confined worker into DATA/tmp, where nobody sees them yet."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from engine.host.archive import Limits
from engine.host.confined import Unpacked, unpack_layer
from engine.host.durable import sync_filesystem
from engine.host.removal import remove_tree
from engine.host.spread import spread_directories
from engine.model.digest import Digest

OnRead = Callable[[int], None]

_COMPRESSIONS = {"+gzip": "gzip", ".gzip": "gzip", "+zstd": "zstd", ".zstd": "zstd"}
_LOOK_EVERY_S = 0.1
_UNPACKED_AT_ONCE = min(os.cpu_count() or 1, 4)


@dataclass(frozen=True, slots=True)
class Draft:
    """``path``/diff is the layer as overlayfs reads it."""

    path: Path
    unpacked: Unpacked

    def stored_as(self, blob: Digest) -> "Draft":
        """The same, of bytes that were stored in another form."""
        return replace(self, unpacked=replace(self.unpacked, blob=blob))


class Drafts:
    """For one event loop. ``directory`` is on the file system of the layers."""

    def __init__(self, directory: Path, *, limits: Limits | None = None) -> None:
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        spread_directories(directory)
        self.directory = directory
        self._limits = limits
        self._room = asyncio.Semaphore(_UNPACKED_AT_ONCE)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Path]:
        """A directory with an empty ``diff``; gone with the block, unless it was renamed."""
        path = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="layer-", dir=self.directory))
        try:
            diff = path / "diff"
            diff.mkdir()
            diff.chmod(0o755)
            yield path
        finally:
            await asyncio.to_thread(remove_tree, path)

    async def fill(self, path: Path, source: BinaryIO, *, media_type: str, on_read: OnRead | None = None) -> Draft:
        """Unpack ``source``, a file, into ``path``: a few at a time. Raises Invalid, TooLarge or Unavailable."""
        async with self._room:
            with _watched(source.fileno(), on_read):
                unpacked = await unpack_layer(
                    source, into=path / "diff", limits=self._limits, compression=compression(media_type)
                )
        return Draft(path, unpacked)

    async def fill_ahead(self, path: Path, pipe: BinaryIO, *, digest: Callable[[], Digest] | None = None) -> Draft:
        """The same from a pipe, at whatever pace that is written to, and begin to write it back. Raises as ``fill``.

        ``digest`` is asked at the end for that of plain bytes, which are not hashed here then.
        """
        unpacked = await unpack_layer(pipe, into=path / "diff", limits=self._limits, digest=digest)
        await asyncio.to_thread(sync_filesystem, path)
        return Draft(path, unpacked)


@contextmanager
def _watched(descriptor: int, on_read: OnRead | None) -> Iterator[None]:
    """Tell how far a file has been read, by whoever shares its open descriptor."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def look(tell: OnRead) -> None:
        nonlocal timer
        tell(os.lseek(descriptor, 0, os.SEEK_CUR))
        timer = loop.call_later(_LOOK_EVERY_S, look, tell)

    if on_read is not None:
        look(on_read)
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


def compression(media_type: str) -> str:
    """gzip, zstd or none; auto where the type does not say."""
    if media_type.endswith((".tar", ".diff.tar")):
        return "none"
    return next((name for ending, name in _COMPRESSIONS.items() if media_type.endswith(ending)), "auto")
