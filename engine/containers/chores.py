"""Work that goes on after the client was told, and its owner."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from engine.model.errors import EngineError

_log = logging.getLogger(__name__)


class Chores:
    """Background tasks of one engine. A chore that fails is logged; ``close`` waits for those under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, what: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._done_or_logged(work, what), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, *, timeout_s: float) -> None:
        """Wait for all, cancel what is not done in time."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @staticmethod
    async def _done_or_logged(work: Coroutine[Any, Any, None], what: str) -> None:
        try:
            await work
        except EngineError as error:
            _log.warning("%s: %s", what, error)
        except Exception:  # noqa: BLE001 (outermost frame of a background task: nobody above would hear of it)
            _log.exception("%s failed", what)
