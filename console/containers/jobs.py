"""Handlers of container jobs. They run on the host's agent, without a database, and verify what they promise."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from console.containers.fetching import pulled, with_image
from console.containers.many import each
from console.containers.replacing import JOB, labels_of, replace, require_same_image, spec_with_values
from console.containers.specs.docker import as_docker
from console.containers.specs.spec import ContainerSpec
from console.hosts import acting
from console.hosts.facts import ContainerFact
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.errors import ConsoleError, Missing, Unavailable
from console.operations.permissions import Permission

VERIFY_S = 10.0
CLONE = "naru.clone"
ENDED = frozenset({"exited", "dead"})


@handler("container.run", permission=Permission.CONTAINER_RUN, retryable=True)
async def run_container(run: JobRun, args: Args) -> dict[str, Any]:
    """A retry adopts the container that an interrupted attempt created. ``pull`` is what is to be fetched before."""
    spec = ContainerSpec.from_json(args)
    body = as_docker(spec_with_values(run, spec), labels=run.label)
    async with run.engine() as engine:
        engine_id = await engine.find_labelled("naru.job", str(run.job))
        made: dict[str, Any] = {}
        if engine_id is None:
            made = await pulled(run, engine, args)
            await require_same_image(engine, with_image(args, made))
            engine_id = await acting.create(engine, body, name=args["name"], platform=spec.platform)
            await run.write(f"Created container {engine_id[:12]} from {args['image']}.\n")
        else:
            await run.write(f"Found container {engine_id[:12]}, which an earlier attempt created.\n")
        fact = await _start_new(run, engine, engine_id, body)
    return {"engine_id": engine_id, "name": fact.name, "state": fact.state, "exit_code": fact.exit_code, **made}


async def _start_new(run: JobRun, engine: Engine, engine_id: str, body: Mapping[str, Any]) -> ContainerFact:
    """One that cannot be started is removed."""
    try:
        await acting.join_all(engine, engine_id, body)
        await engine.start_container(engine_id)
        fact = await _until(run, engine, engine_id, ENDED | {"running"})
    except (ConsoleError, asyncio.CancelledError):
        await _remove_failed(run, engine, engine_id)
        raise
    await run.write(_told(fact))
    return fact


@handler("container.clone", permission=Permission.CONTAINER_RUN, retryable=True, repeatable=False)
async def clone(run: JobRun, args: Args) -> dict[str, Any]:
    """Each of ``args["clones"]``, which have names and ports of their own. What one cannot be, the others can."""
    async with run.engine() as engine:
        await require_same_image(engine, args)
        there = {
            labels_of(one).get(CLONE, ""): str(one["Id"]) for one in await acting.labelled(engine, JOB, str(run.job))
        }

        async def make(number: int, item: Args) -> dict[str, Any]:
            spec = ContainerSpec.from_json({**args, **item})
            body = as_docker(spec_with_values(run, spec), labels={**run.label, CLONE: str(number)})
            engine_id = there.get(str(number)) or await acting.create(
                engine, body, name=item["name"], platform=spec.platform
            )
            fact = await _start_new(run, engine, engine_id, body)
            return {"engine_id": engine_id, "state": fact.state}

        return await each(run, args["clones"], make, at_once=1)


@handler("container.start", permission=Permission.CONTAINER_START, retryable=True)
async def start(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await engine.start_container(args["engine_id"])
        fact = await _until(run, engine, args["engine_id"], {"running", "exited", "dead"})
    await run.write(_told(fact))
    return {"state": fact.state, "exit_code": fact.exit_code}


@handler("container.stop", permission=Permission.CONTAINER_STOP, retryable=True)
async def stop(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await engine.stop_container(args["engine_id"], timeout_s=int(args["timeout_s"]))
        fact = await _until(run, engine, args["engine_id"], {"exited", "dead", "created"})
    await run.write(_told(fact))
    return {"state": fact.state, "exit_code": fact.exit_code}


@handler("container.restart", permission=Permission.CONTAINER_RESTART, retryable=True)
async def restart(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await acting.restart(engine, args["engine_id"], timeout_s=int(args["timeout_s"]))
        fact = await _until(run, engine, args["engine_id"], ENDED | {"running"})
    await run.write(_told(fact))
    return {"state": fact.state, "exit_code": fact.exit_code}


@handler("container.pause", permission=Permission.CONTAINER_STOP, retryable=True)
async def pause(run: JobRun, args: Args) -> dict[str, Any]:
    return await _still(run, args, acting.pause, "paused")


@handler("container.unpause", permission=Permission.CONTAINER_START, retryable=True)
async def unpause(run: JobRun, args: Args) -> dict[str, Any]:
    return await _still(run, args, acting.unpause, "running")


async def _still(
    run: JobRun, args: Args, change: Callable[[Engine, str], Awaitable[None]], wanted: str
) -> dict[str, Any]:
    """A retry finds it as an earlier attempt has left it."""
    async with run.engine() as engine:
        if (await engine.get_container(args["engine_id"])).state != wanted:
            await change(engine, args["engine_id"])
        fact = await _until(run, engine, args["engine_id"], {wanted})
    await run.write(_told(fact))
    return {"state": fact.state}


@handler("container.kill", permission=Permission.CONTAINER_STOP)
async def kill(run: JobRun, args: Args) -> dict[str, Any]:
    """What a signal does is the program's own affair: that it was sent is all that is promised."""
    async with run.engine() as engine:
        await acting.kill(engine, args["engine_id"], signal=args["signal"])
        fact = await _until(run, engine, args["engine_id"], ENDED | {"running", "paused", "restarting"})
    await run.write(f"Sent {args['signal']}. {_told(fact)}")
    return {"state": fact.state, "exit_code": fact.exit_code}


@handler("container.rename", permission=Permission.CONTAINER_DEPLOY, retryable=True)
async def rename(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        if (await engine.get_container(args["engine_id"])).name != args["name"]:
            await acting.rename(engine, args["engine_id"], name=args["name"])
        fact = await _seen(run, engine, args["engine_id"])
    if fact.name != args["name"]:
        raise Unavailable(f"the engine said the container was renamed, and it is still {fact.name}")
    return {"name": fact.name}


@handler("container.update", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False)
async def update(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await acting.update(engine, args["engine_id"], args["update"])
        fact = await _seen(run, engine, args["engine_id"])
    if fact.memory_bytes != args["memory_bytes"]:
        raise Unavailable(f"the engine took the limits, and memory is limited to {fact.memory_bytes} bytes")
    return {"memory_bytes": fact.memory_bytes, "cpus": fact.cpus}


@handler("container.replace", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False, takes_back=True)
async def replace_container(run: JobRun, args: Args) -> dict[str, Any]:
    """Another under its name; see console.containers.replacing."""
    return await replace(run, args)


@handler("container.remove", permission=Permission.CONTAINER_REMOVE, retryable=True)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    engine_id = args["engine_id"]
    async with run.engine() as engine:
        try:
            await engine.remove_container(engine_id, force=bool(args["force"]))
        except Missing:
            await run.write("It is gone already.\n")
        try:
            await engine.get_container(engine_id)
        except Missing:
            await run.tell("containers.gone", engine_ids=[engine_id])
            await run.write(f"Removed container {engine_id[:12]}.\n")
            return {}
    raise Unavailable("the engine said the container was removed, and still has it")


@handler("containers.start", permission=Permission.CONTAINER_START, retryable=True, repeatable=False)
async def start_many(run: JobRun, args: Args) -> dict[str, Any]:
    return await _on_each(run, args, acting.start, ENDED | {"running"})


@handler("containers.stop", permission=Permission.CONTAINER_STOP, retryable=True, repeatable=False)
async def stop_many(run: JobRun, args: Args) -> dict[str, Any]:
    return await _on_each(run, args, acting.stop, ENDED | {"created"})


@handler("containers.restart", permission=Permission.CONTAINER_RESTART, retryable=True, repeatable=False)
async def restart_many(run: JobRun, args: Args) -> dict[str, Any]:
    return await _on_each(run, args, acting.restart, ENDED | {"running"})


@handler("containers.remove", permission=Permission.CONTAINER_REMOVE, retryable=True, repeatable=False)
async def remove_many(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:

        async def one(_number: int, item: Args) -> dict[str, Any]:
            try:
                await engine.remove_container(item["engine_id"], force=False)
            except Missing:
                await run.write(f"{item['name']} is gone already.\n")
            if await acting.find(engine, item["engine_id"]) is not None:
                raise Unavailable("the engine said the container was removed, and still has it")
            await run.tell("containers.gone", engine_ids=[item["engine_id"]])
            return {}

        return await each(run, args["items"], one)


async def _on_each(
    run: JobRun, args: Args, change: Callable[[Engine, str], Awaitable[None]], wanted: AbstractSet[str]
) -> dict[str, Any]:
    async with run.engine() as engine:

        async def one(_number: int, item: Args) -> dict[str, Any]:
            await change(engine, item["engine_id"])
            return {"state": (await _until(run, engine, item["engine_id"], wanted)).state}

        return await each(run, args["items"], one)


async def _remove_failed(run: JobRun, engine: Engine, engine_id: str) -> None:
    """What was not started, or is not wanted any more, is of no use and would keep its name."""
    try:
        await engine.remove_container(engine_id, force=True)
    except ConsoleError as error:
        await run.write(f"Container {engine_id[:12]} is of no use and could not be removed: {error}\n")


async def _until(run: JobRun, engine: Engine, engine_id: str, states: AbstractSet[str]) -> ContainerFact:
    """The container once it is in one of ``states``, told to the console. Unavailable when it does not get there."""
    try:
        async with asyncio.timeout(VERIFY_S):
            while (fact := await engine.get_container(engine_id)).state not in states:  # noqa: ASYNC110 - engines are asked
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise Unavailable(f"container {engine_id[:12]} is {fact.state} after {VERIFY_S:.0f} s") from error
    await run.tell("containers.seen", containers=[fact.as_json()])
    return fact


async def _seen(run: JobRun, engine: Engine, engine_id: str) -> ContainerFact:
    fact = await engine.get_container(engine_id)
    await run.tell("containers.seen", containers=[fact.as_json()])
    return fact


def _told(fact: ContainerFact) -> str:
    code = "" if fact.exit_code is None else f" with exit code {fact.exit_code}"
    return f"{fact.name} is {fact.state}{code}.\n"
