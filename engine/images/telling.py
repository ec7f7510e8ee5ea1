"""From work that tells how it goes to whoever writes that down; a slow reader gets less of it and holds nothing up."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from engine.model.transfer import LayerStep, Tell, Telling

_Result = TypeVar("_Result")
Write = Callable[[Telling], Awaitable[None]]


class _Waiting:
    """What is still to be written, in order. Of a layer's steps of one kind only the latest is kept."""

    def __init__(self) -> None:
        self._tellings: dict[object, Telling] = {}
        self._arrived = asyncio.Event()

    def put(self, telling: Telling) -> None:
        key = (telling.layer, telling.status) if isinstance(telling, LayerStep) else object()
        self._tellings[key] = telling
        self._arrived.set()

    async def arrived(self) -> None:
        await self._arrived.wait()

    def take(self) -> list[Telling]:
        taken = list(self._tellings.values())
        self._tellings.clear()
        self._arrived.clear()
        return taken


async def told(write: Write, work: Callable[[Tell], Coroutine[Any, Any, _Result]]) -> _Result:
    """``work``'s result, all it told written. Cancelling this, as a client does that goes away, cancels the work."""
    waiting = _Waiting()
    working = asyncio.create_task(work(waiting.put))
    try:
        while not working.done():
            arrival = asyncio.create_task(waiting.arrived())
            try:
                await asyncio.wait({working, arrival}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                arrival.cancel()
            await _write(write, waiting)
        await _write(write, waiting)
        return working.result()
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError, Exception):  # told above, if anybody is still there to be told
            await working


async def _write(write: Write, waiting: _Waiting) -> None:
    for telling in waiting.take():
        await write(telling)
