"""The agent's sampler: every ten seconds one pass over what runs on its host, told to the console as one fact.

The fact, ``host.stats``: ``{"at": seconds, "host": {…}, "containers": {engine id: [cpu, memory, …]}}``, see
stats/latest.py. A pass asks one container after the other over one connection, at once and without a stream: about
2 ms of processor time each, engine and agent together.
"""

import asyncio
import contextlib
import math
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog
from redis.exceptions import RedisError

from console.hosts.gateway import Engine, connect
from console.hosts.machine import MachineCounters, busy_percent, per_second, read_disk, read_machine
from console.hosts.stats import Counters, Use, read_counters, use_between
from console.jobs import streams
from console.jobs.agent.execution import Agent
from console.jobs.agent.reports import report
from console.operations.errors import ConsoleError, Missing

log = structlog.get_logger(__name__)

EVERY_S = 10.0
# what an engine keeps on its disk is dear to count
DISK_EVERY_S = 300.0
DISK_TIMEOUT_S = 120.0
MOST_CONTAINERS = 2000
# of the host's facts
MOST_UNHEARD = 500


@dataclass(slots=True)
class Sampler:
    """Remembers the pass before, since use is what lies between two."""

    engine: Engine
    before: dict[str, Counters] = field(default_factory=dict)
    # what came of it, of what ran at the last pass or the one before: of what has ended it is the last that is known
    uses: dict[str, Use] = field(default_factory=dict)
    machine: MachineCounters | None = None
    root: Path | None = None
    kept: dict[str, float] = field(default_factory=dict)
    kept_at_s: float = -math.inf

    async def fact(self) -> dict[str, Any]:
        """One pass. Raises Unavailable when the engine does not answer."""
        running = [str(entry["Id"]) for entry in await self.engine.json("containers/json") or []]
        now = {engine_id: found async for engine_id, found in self._counters(running[:MOST_CONTAINERS])}
        uses = {engine_id: use_between(self.before.get(engine_id), found) for engine_id, found in now.items()}
        self.uses = {**{engine_id: self.uses[engine_id] for engine_id in self.before}, **uses}
        self.before = now
        host = await self._host(running=len(running))
        containers = {engine_id: use.as_list() for engine_id, use in uses.items()}
        return {"kind": "host.stats", "at": time.time(), "host": host, "containers": containers}

    async def _counters(self, engine_ids: list[str]) -> Any:
        for engine_id in engine_ids:
            with contextlib.suppress(Missing):  # it went meanwhile
                found = await read_counters(self.engine, engine_id)
                if found is not None:
                    yield engine_id, found

    async def _host(self, *, running: int) -> dict[str, Any]:
        before, now = self.machine, await asyncio.to_thread(read_machine)
        self.machine = now
        disk = await asyncio.to_thread(read_disk, await self._data_root())
        since_s, until_s = (before.at_s, now.at_s) if before else (now.at_s, now.at_s)
        first = before or now
        return {
            "cpu": _rounded(busy_percent(before, now)),
            "cpus": now.cpus,
            "memory": now.memory_bytes - now.memory_available_bytes,
            "memory_total": now.memory_bytes,
            "load": now.load,
            "disk": disk.used_bytes if disk else 0,
            "disk_total": disk.total_bytes if disk else 0,
            "disk_free": disk.free_bytes if disk else 0,
            "rx": _rounded(per_second(since_s, until_s, first.rx_bytes, now.rx_bytes)),
            "tx": _rounded(per_second(since_s, until_s, first.tx_bytes, now.tx_bytes)),
            "running": running,
            **self.kept,
        }

    async def _data_root(self) -> Path:
        if self.root is None:
            info = await self.engine.json("info")
            self.root = Path(str(info.get("DockerRootDir") or "/"))
        return self.root

    async def count_disk(self) -> None:
        """What the engine keeps, once in a while; what it said last is told with every pass."""
        if time.monotonic() - self.kept_at_s < DISK_EVERY_S:
            return
        self.kept_at_s = time.monotonic()
        self.kept = kept_on_disk(await self.engine.json("system/df", timeout_s=DISK_TIMEOUT_S))


def kept_on_disk(document: dict[str, Any]) -> dict[str, float]:
    """Bytes by what they are for, of ``GET /system/df``."""
    volumes = [one.get("UsageData") or {} for one in document.get("Volumes") or []]
    return {
        "layers": max(0, int(document.get("LayersSize") or 0)),
        "writable": sum(int(one.get("SizeRw") or 0) for one in document.get("Containers") or []),
        # -1 where the driver does not tell
        "volumes": sum(max(0, int(one.get("Size") or 0)) for one in volumes),
        "build_cache": sum(int(one.get("Size") or 0) for one in document.get("BuildCache") or []),
    }


def start_sampling(agent: Agent) -> threading.Thread:
    """A thread with an event loop of its own; it ends with the process."""
    thread = threading.Thread(target=lambda: asyncio.run(_sample(agent)), name="sampler", daemon=True)
    thread.start()
    return thread


async def _sample(agent: Agent) -> None:
    while True:
        try:
            async with connect(agent.engine_address) as engine:
                await asyncio.gather(_pass_for_ever(agent, sampler := Sampler(engine)), _count_for_ever(sampler))
        except ConsoleError as error:
            # that it does not answer is told by the watcher
            log.info("not sampled", why=str(error))
        except Exception:
            log.exception("sampler stumbled")
        await asyncio.sleep(EVERY_S)


async def _pass_for_ever(agent: Agent, sampler: Sampler) -> None:
    due = time.monotonic()
    while True:
        fact = await sampler.fact()
        agent.uses = sampler.uses
        await asyncio.to_thread(tell, agent.host_name, fact)
        # a pass that took too long leaves some out
        due = max(due + EVERY_S, time.monotonic())
        await asyncio.sleep(due - time.monotonic())


async def _count_for_ever(sampler: Sampler) -> None:
    """Beside the passes, which must not wait for it."""
    while True:
        try:
            await sampler.count_disk()
        except ConsoleError as error:
            log.info("disk not counted", why=str(error))
        await asyncio.sleep(EVERY_S)


def tell(host_name: str, fact: dict[str, Any]) -> None:
    """Unless what was told before is not being read: samples must not fill Redis while the console is away."""
    try:
        unheard = cast("int", streams.connection().xlen(streams.facts_key(host_name)))
    except RedisError as error:
        log.info("sample not told", why=str(error))
        return
    if unheard < MOST_UNHEARD:
        report(host_name, fact)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
