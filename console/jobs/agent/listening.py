"""The engine's events, told to the console in their order, and none lost while one of the two was away.

How far they were told is in the journal: after a pause the engine is asked from there on, as far back as it remembers.
What was told already is told again then, and known by its time and subject.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from console.hosts.events import EngineEvent, Heard, follow_events
from console.hosts.gateway import Engine
from console.jobs.agent.execution import Agent
from console.jobs.agent.incidents import Finder
from console.jobs.agent.keeping import Keeper
from console.jobs.agent.reports import report
from console.operations.errors import ConsoleError, Unavailable

log = structlog.get_logger(__name__)

GATHER_S = 0.05
MOST_IN_A_FACT = 200
MOST_WAITING = 10_000
PATIENCE_S = 60.0
# what was told last may not have been on Redis's disk when the agent and it went together
AGAIN_NS = 60 * 10**9
# older than that, nobody misses it
MOST_BACK_NS = 7 * 24 * 3600 * 10**9
MARK_EVERY_S = 1.0
MOST_PROBED = 1000


class Listener:
    """One life of the connection to an engine."""

    def __init__(self, agent: Agent, engine: Engine, keeper: Keeper) -> None:
        self._agent = agent
        self._engine = engine
        self._keeper = keeper
        self._finder = Finder()
        self._waiting: asyncio.Queue[Heard | None] = asyncio.Queue(MOST_WAITING)
        self._probes = _Probes(engine)
        self._marked_at = 0.0

    async def listen(self, changed: asyncio.Event) -> None:
        """Until the engine goes, or raises Unavailable. ``changed`` is set when what happened has been told."""
        now_ns = time.time_ns()
        mark_ns = await asyncio.to_thread(self._agent.journal.heard_until, now_ns)
        reading = asyncio.create_task(self._read(max(mark_ns - AGAIN_NS, now_ns - MOST_BACK_NS)))
        try:
            while batch := await self._batch():
                await self._tell(batch, known_until_ns=mark_ns)
                changed.set()
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, since_ns: int) -> None:
        try:
            async with aclosing(follow_events(self._engine, since_ns=since_ns)) as messages:
                async for message in messages:
                    await self._waiting.put(message)
        finally:
            await self._waiting.put(None)

    async def _batch(self) -> list[Heard]:
        """Empty at the end."""
        first = await self._waiting.get()
        if first is None:
            return []
        await asyncio.sleep(GATHER_S)
        found = [first]
        while len(found) < MOST_IN_A_FACT and not self._waiting.empty():
            message = self._waiting.get_nowait()
            if message is None:
                # the end stays for the next one to find
                self._waiting.put_nowait(None)
                break
            found.append(message)
        return found

    async def _tell(self, batch: Sequence[Heard], *, known_until_ns: int) -> None:
        events = [message.event for message in batch if message.event and not await self._probes.is_probe(message)]
        if events:
            await self._report(events)
        for event in events:
            # what happened before the pause was seen then
            if event.at_ns > known_until_ns:
                for incident in self._finder.found(event):
                    self._keeper.take(incident)
        if time.monotonic() >= self._marked_at + MARK_EVERY_S:
            self._marked_at = time.monotonic()
            await asyncio.to_thread(self._agent.journal.keep_heard, batch[-1].at_ns)

    async def _report(self, events: Sequence[EngineEvent]) -> None:
        fact = {"kind": "engine.events", "events": [event.as_json() for event in events]}
        if not await asyncio.to_thread(report, self._agent.host_name, fact, patience_s=PATIENCE_S):
            raise Unavailable("what happened could not be told; it will be asked for again")


class _Probes:
    """Tells health checks, which Docker runs as anybody's exec, from what people run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tests: dict[str, str] = {}
        self._ids: dict[str, None] = {}

    async def is_probe(self, message: Heard) -> bool:
        event = message.event
        if event is None or not event.action.startswith("exec_"):
            return False
        exec_id = event.words.get("exec_id", "")
        if event.action == "exec_die":
            return self._ids.pop(exec_id, self) is None
        test = await self._test_of(event.subject)
        if not test or not message.command.endswith(test):
            return False
        self._ids[exec_id] = None
        _bound(self._ids)
        return True

    async def _test_of(self, engine_id: str) -> str:
        if engine_id not in self._tests:
            try:
                document = await self._engine.json(f"containers/{engine_id}/json")
                words = ((document.get("Config") or {}).get("Healthcheck") or {}).get("Test") or []
            except ConsoleError as error:
                log.debug("no container to ask for its check", container=engine_id[:12], why=str(error))
                words = []
            self._tests[engine_id] = " ".join(map(str, words[1:]))
            _bound(self._tests)
        return self._tests[engine_id]


def _bound(memory: dict[str, object] | dict[str, str] | dict[str, None]) -> None:
    while len(memory) > MOST_PROBED:
        del memory[next(iter(memory))]
