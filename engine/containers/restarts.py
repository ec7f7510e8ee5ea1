"""Containers that wait to be started again, by their restart policy."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.containers.chores import Chores
from engine.containers.restart_rules import next_pause_s


class Restarts:
    """Calls ``start_again(container_id)`` after a pause, and not before ``begin``. For the loop's thread."""

    def __init__(self, chores: Chores, start_again: Callable[[str], Awaitable[None]]) -> None:
        self._chores = chores
        self._start_again = start_again
        self._pauses_s: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._has_begun = asyncio.Event()

    def begin(self) -> None:
        self._has_begun.set()

    @property
    def count(self) -> int:
        return len(self._waiting)

    def is_waiting(self, container_id: str) -> bool:
        return container_id in self._waiting

    def schedule(self, container_id: str, *, ran_for_s: float) -> None:
        self._drop(container_id)
        pause_s = next_pause_s(self._pauses_s.get(container_id), ran_for_s=ran_for_s)
        self._pauses_s[container_id] = pause_s
        waiting = self._chores.start(self._after(pause_s, container_id), what=f"restart of {container_id[:12]}")
        self._waiting[container_id] = waiting

    def forget(self, container_id: str) -> None:
        """Somebody starts, stops or removes it: it waits no more, and its next pause is a first one."""
        self._drop(container_id)
        self._pauses_s.pop(container_id, None)

    def close(self) -> None:
        """They go on waiting with the next engine."""
        for container_id in tuple(self._waiting):
            self._drop(container_id)

    def _drop(self, container_id: str) -> None:
        waiting = self._waiting.pop(container_id, None)
        if waiting is not None:
            waiting.cancel()

    async def _after(self, pause_s: float, container_id: str) -> None:
        await asyncio.sleep(pause_s)
        await self._has_begun.wait()
        self._waiting.pop(container_id, None)  # from here on it is not cancelled: a start is never left half-made
        await self._start_again(container_id)
