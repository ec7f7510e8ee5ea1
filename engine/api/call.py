"""One request being answered: its parameters, its body within limits, and how to let work finish without its client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web

from engine.api.parts import Parts
from engine.model.errors import Invalid, TooLarge
from engine.wire.json_body import MOST_BYTES
from engine.wire.query import Query
from engine.wire.system import EngineFacts
from engine.wire.text import check_text
from engine.wire.version import ApiVersion

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
BODY_S: Final = 60.0  # for a body of at most 4 MiB
_NOTHING: Final = (b"", b"null", b"{}")


class Unfinished:
    """Work that goes on when the client that asked for it has gone. ``close`` waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """``work``'s result. Being cancelled ends the waiting, not the work."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def close(self, *, timeout_s: float) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(tuple(self._tasks), timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.debug("finished with: %s", error)  # whoever still waits has it too


@dataclass(frozen=True, slots=True)
class Call:
    request: web.Request
    parts: Parts
    facts: EngineFacts
    unfinished: Unfinished
    version: ApiVersion
    query: Query

    @property
    def name(self) -> str:
        """The object that the path names."""
        return check_text("name", self.request.match_info["name"], longest=4096)

    def values(self, parameter: str) -> list[str]:
        """All values of a parameter that may be repeated."""
        return [check_text(parameter, value) for value in self.request.query.getall(parameter, [])]

    def lines(self, parameter: str) -> list[str]:
        """All lines of a parameter that may be repeated, or have several lines, or both. Empty ones are left out."""
        values = self.request.query.getall(parameter, [])
        found = [line for value in values for line in check_text(parameter, value, lines=True).splitlines()]
        return [line for line in found if line.strip()]

    async def finish(self, work: Coroutine[Any, Any, _T]) -> _T:
        return await self.unfinished.run(work)

    async def json_body(self) -> bytes:
        """Raises TooLarge above 4 MiB, without reading on, and Invalid when it is said to be something else."""
        if self.request.headers.get("Content-Type") and self.request.content_type != "application/json":
            given = self.request.content_type[:80]
            raise Invalid(f"Content-Type specified ({given}) must be 'application/json'")
        return await self.small_body()

    async def small_body(self) -> bytes:
        """Raises TooLarge, and Invalid when it does not arrive."""
        try:
            async with asyncio.timeout(BODY_S):
                return await self._small_body()
        except TimeoutError as error:
            raise Invalid(f"request body: it did not arrive within {BODY_S:.0f} s") from error

    async def _small_body(self) -> bytes:
        if (self.request.content_length or 0) > MOST_BYTES:
            raise TooLarge(f"request body is larger than {MOST_BYTES} bytes")
        body = bytearray()
        async for chunk in self.request.content.iter_any():
            body += chunk
            if len(body) > MOST_BYTES:
                raise TooLarge(f"request body is larger than {MOST_BYTES} bytes")
        return bytes(body)

    async def refuse_body(self, why: str) -> None:
        if b"".join((await self.small_body()).split()) not in _NOTHING:
            raise Invalid(why)

    async def body_chunks(self) -> AsyncIterator[bytes]:
        """A body of any size."""
        async for chunk in self.request.content.iter_any():
            yield chunk
