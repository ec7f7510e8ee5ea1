"""Locks: one per name within the engine, and one per data directory between engines."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.model.errors import Conflict, Unavailable


class KeyedLock:
    """A lock for each key, made when needed and forgotten when free. For one event loop; not reentrant."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)

    def is_held(self, key: Hashable) -> bool:
        return key in self._locks and self._locks[key][0].locked()


class InstanceLock:
    """At most one engine per data directory: flock(2) on ``path``, which the kernel drops when the holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises Conflict, naming the process that holds it; Unavailable when there is something else at ``path``."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:  # a link would have the file that it leads to emptied
            raise Unavailable(f"cannot open {self._path}: {error.strerror}; remove it") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Conflict(
                f"another engine (process {holder}) runs on {self._path.parent}: stop it or use another --data-root"
            ) from error
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # only for who meets the lock; a full disk must not keep an engine down
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
