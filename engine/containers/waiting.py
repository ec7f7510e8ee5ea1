"""Waiting for a container's end: who waits for what, told exactly once."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_Future = asyncio.Future["Exit"]


class WaitCondition(StrEnum):
    """Docker's ``condition`` of ``POST /containers/{id}/wait``."""

    NOT_RUNNING = "not-running"
    NEXT_EXIT = "next-exit"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Exit:
    """``error`` tells why there is no true exit code, when there is none."""

    code: int
    error: str = ""


class Waiter:
    """One registered wait. Either await ``exit()`` to its end or call ``cancel()``."""

    def __init__(self, future: _Future) -> None:
        self._future = future

    async def exit(self) -> Exit:
        return await self._future

    @property
    def is_over(self) -> bool:
        return self._future.done()

    def on_end(self, call: Callable[[], object]) -> None:
        """Call when the wait is over or cancelled; soon if it is."""
        self._future.add_done_callback(lambda _: call())

    def cancel(self) -> None:
        self._future.cancel()


class Waiters:
    """All waits of an engine, by container. For the loop's thread only."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[WaitCondition, set[_Future]]] = defaultdict(lambda: defaultdict(set))

    def register(self, container_id: str, condition: WaitCondition) -> Waiter:
        future: _Future = asyncio.get_running_loop().create_future()
        waiting = self._waiting[container_id][condition]
        waiting.add(future)
        future.add_done_callback(waiting.discard)
        return Waiter(future)

    @staticmethod
    def over(exit_: Exit) -> Waiter:
        """A wait for what has already happened."""
        future: _Future = asyncio.get_running_loop().create_future()
        future.set_result(exit_)
        return Waiter(future)

    def tell_exited(self, container_id: str, exit_: Exit) -> None:
        for condition in (WaitCondition.NOT_RUNNING, WaitCondition.NEXT_EXIT):
            self._tell(container_id, condition, exit_)

    def tell_removed(self, container_id: str, exit_: Exit) -> None:
        for condition in WaitCondition:
            self._tell(container_id, condition, exit_)
        self._waiting.pop(container_id, None)

    def _tell(self, container_id: str, condition: WaitCondition, exit_: Exit) -> None:
        for future in tuple(self._waiting[container_id][condition]):
            with contextlib.suppress(asyncio.InvalidStateError):
                future.set_result(exit_)
