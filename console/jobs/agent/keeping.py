"""When something went wrong with a container: what is left of it goes to the console, sealed, and not too often."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import structlog

from console.hosts.capsules import contents_of
from console.hosts.gateway import Engine, connect
from console.hosts.stats import Use, read_counters, use_between
from console.jobs.agent.execution import Agent
from console.jobs.agent.incidents import Allowance, Incident, What
from console.jobs.agent.reports import report
from console.jobs.signing import seal_told
from console.operations.errors import ConsoleError

log = structlog.get_logger(__name__)

LIMIT_S = 15.0
# a container that starves ends, if it does, right after
OOM_WAIT_S = 1.0
MOST_AT_ONCE = 4
PATIENCE_S = 300.0


def capsule_about(host_name: str, engine_id: str, at_ns: int) -> str:
    """What a sealed capsule is bound to: it opens as no other's."""
    return f"capsule {host_name}:{engine_id}:{at_ns}"


class Keeper:
    """Owns the tasks that read; ``close`` ends them."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._allowance = Allowance()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, incident: Incident) -> None:
        is_kept = self._allowance.take(incident.engine_id, now_ns=time.time_ns())
        task = asyncio.create_task(self._keep(incident) if is_kept else self._count(incident))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, incident: Incident) -> None:
        try:
            async with self._room, asyncio.timeout(LIMIT_S):
                sealed = await self._sealed(incident)
        except (ConsoleError, TimeoutError) as error:
            log.warning("nothing kept of an incident", container=incident.engine_id[:12], why=str(error))
            await self._count(incident)
            return
        await self._tell(incident, sealed=sealed)

    async def _count(self, incident: Incident) -> None:
        await self._tell(incident, sealed="")

    async def _tell(self, incident: Incident, *, sealed: str) -> None:
        fact = {
            "kind": "container.incident",
            "what": incident.what.value,
            "engine_id": incident.engine_id,
            "name": incident.name,
            "at_ns": incident.at_ns,
            "exit_code": incident.exit_code,
            "sealed": sealed,
        }
        await asyncio.to_thread(report, self._agent.host_name, fact, patience_s=PATIENCE_S)

    async def _sealed(self, incident: Incident) -> str:
        async with connect(self._agent.engine_address) as engine:
            if incident.what is What.OOM:
                await asyncio.sleep(OOM_WAIT_S)
            contents = await contents_of(engine, incident.engine_id, at_ns=incident.at_ns)
            use = await self._use(engine, incident)
        text = json.dumps({**contents, "stats": _told(use)}, separators=(",", ":"))
        about = capsule_about(self._agent.host_name, incident.engine_id, incident.at_ns)
        return seal_told(text.encode(), self._agent.key, about=about)

    async def _use(self, engine: Engine, incident: Incident) -> Use | None:
        """The last that was seen; of one that runs still, what it uses now."""
        last = self._agent.uses.get(incident.engine_id)
        if incident.what is not What.UNHEALTHY:
            return last
        now = await read_counters(engine, incident.engine_id)
        if now is None:
            return last
        return replace(use_between(None, now), cpu_percent=last.cpu_percent if last else None)


def _told(use: Use | None) -> dict[str, Any]:
    """Empty where nobody has looked at it."""
    if use is None:
        return {}
    return {
        "at_ms": use.at_ms,
        "memory_bytes": use.memory_bytes,
        "memory_limit_bytes": use.memory_limit_bytes,
        "pids": use.pids,
        "cpu_percent": None if use.cpu_percent is None else round(use.cpu_percent, 1),
    }
