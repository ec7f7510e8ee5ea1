"""Handlers of container jobs. They run on the host's agent, without a database, and verify what they promise."""

import asyncio
from typing import Any

from console.containers.specs import spec_of
from console.hosts.facts import ContainerFact
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.errors import Conflict, ConsoleError, Missing, Unavailable
from console.operations.permissions import Permission

VERIFY_S = 10.0


@handler("container.run", permission=Permission.CONTAINER_RUN, retryable=True)
async def run_container(run: JobRun, args: Args) -> dict[str, Any]:
    """A retry adopts the container that an interrupted attempt created."""
    env = {name: run.resolved(value) for name, value in args["env"].items()}
    spec = spec_of({**args, "env": env}, labels=run.label)
    async with run.engine() as engine:
        engine_id = await engine.find_labelled("naru.job", str(run.job))
        if engine_id is None:
            await _require_same_image(engine, args)
            engine_id = await engine.create_container(spec, name=args["name"])
            await run.write(f"Created container {engine_id[:12]} from {args['image']}.\n")
        else:
            await run.write(f"Found container {engine_id[:12]}, which an earlier attempt created.\n")
        try:
            await engine.start_container(engine_id)
            fact = await _until(run, engine, engine_id, {"running", "exited", "dead"})
        except (ConsoleError, asyncio.CancelledError):
            await _remove_failed(run, engine, engine_id)
            raise
        await run.write(_told(fact))
    return {"engine_id": engine_id, "name": fact.name, "state": fact.state, "exit_code": fact.exit_code}


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


async def _require_same_image(engine: Engine, args: Args) -> None:
    """The name may have been given to another image since it was asked for, by a workspace that is none of ours."""
    wanted = args.get("image_engine_id")
    if wanted and await engine.find_image_id(args["image"]) not in (None, wanted):
        raise Conflict(f"{args['image']} names another image by now; ask again to use that one")


async def _remove_failed(run: JobRun, engine: Engine, engine_id: str) -> None:
    """What was not started, or is not wanted any more, is of no use and would keep its name."""
    try:
        await engine.remove_container(engine_id, force=True)
    except ConsoleError as error:
        await run.write(f"Container {engine_id[:12]} is of no use and could not be removed: {error}\n")


async def _until(run: JobRun, engine: Engine, engine_id: str, states: set[str]) -> ContainerFact:
    """The container once it is in one of ``states``, told to the console. Unavailable when it does not get there."""
    try:
        async with asyncio.timeout(VERIFY_S):
            while (fact := await engine.get_container(engine_id)).state not in states:  # noqa: ASYNC110 - engines are asked
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise Unavailable(f"container {engine_id[:12]} is {fact.state} after {VERIFY_S:.0f} s") from error
    await run.tell("containers.seen", containers=[fact.as_json()])
    return fact


def _told(fact: ContainerFact) -> str:
    code = "" if fact.exit_code is None else f" with exit code {fact.exit_code}"
    return f"{fact.name} is {fact.state}{code}.\n"
