"""What the host holds, told to the console: after each burst of the engine's events, and every ten seconds anyway."""

import asyncio
import contextlib
import threading
import time
from typing import Any

import structlog

from console.hosts.facts import container_fact
from console.hosts.gateway import Engine, connect
from console.hosts.wires import networks, volumes
from console.jobs import sending
from console.jobs.agent.execution import Agent
from console.jobs.agent.keeping import Keeper
from console.jobs.agent.listening import Listener
from console.jobs.agent.reports import report
from console.operations.errors import ConsoleError

log = structlog.get_logger(__name__)

EVERY_S = 10.0
QUIET_S = 0.15
RETRY_S = 2.0
PULSE_S = 4.0
FORGOTTEN_NS = 3600 * 10**9


def start_watching(agent: Agent) -> threading.Thread:
    """A thread with an event loop of its own; it ends with the process."""
    thread = threading.Thread(target=lambda: asyncio.run(_watch(agent)), name="watcher", daemon=True)
    thread.start()
    return thread


async def _watch(agent: Agent) -> None:
    await asyncio.gather(_show_room(agent), _show_life(agent), _tell_inventory(agent))


async def _show_life(agent: Agent) -> None:
    """By a message to oneself: whether work is taken is not for the console's parts to show, which may be away."""
    while True:
        await asyncio.to_thread(sending.send_pulse, f"host.{agent.host_name}")
        await asyncio.sleep(PULSE_S)


async def _show_room(agent: Agent) -> None:
    while True:
        await asyncio.to_thread(agent.say_again)
        await asyncio.to_thread(agent.show_room)
        await asyncio.sleep(RETRY_S)


async def _tell_inventory(agent: Agent) -> None:
    while True:
        try:
            async with connect(agent.engine_address) as engine:
                await _follow(agent, engine)
        except ConsoleError as error:
            fact = {"kind": "host.unreachable", "reason": str(error)}
            await asyncio.to_thread(report, agent.host_name, fact)
        except Exception:
            log.exception("watcher stumbled")
        await asyncio.sleep(RETRY_S)


async def _follow(agent: Agent, engine: Engine) -> None:
    changed = asyncio.Event()
    keeper = Keeper(agent)
    listening = asyncio.create_task(Listener(agent, engine, keeper).listen(changed))
    life = agent.epoch
    try:
        while not listening.done():
            if life and agent.epoch != life:
                # a Redis that was emptied has lost what was told to it, and not read yet
                agent.journal.hear_again(time.time_ns() - FORGOTTEN_NS)
                return
            life = agent.epoch
            changed.clear()
            await asyncio.to_thread(report, agent.host_name, await _inventory(engine))
            waiting = asyncio.create_task(changed.wait())
            await asyncio.wait({waiting, listening}, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            await asyncio.sleep(QUIET_S)
        listening.result()
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConsoleError):
            await listening
        await keeper.close()


async def _inventory(engine: Engine) -> dict[str, Any]:
    containers = await engine.container_documents()
    return {
        "kind": "host.inventory",
        "info": await engine.info(),
        "containers": [container_fact(document).as_json() for document in containers],
        "images": [fact.as_json() for fact in await engine.images()],
        "networks": [fact.as_json() for fact in await networks(engine, containers)],
        "volumes": [fact.as_json() for fact in await volumes(engine, containers)],
    }
