"""Handlers of network jobs. They run on the host's agent, without a database, and verify what they promise."""

from typing import Any

from console.hosts import wires
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.networks.specs import spec_of
from console.operations.errors import Conflict, ConsoleError, Missing, Unavailable
from console.operations.permissions import Permission

MANAGE = Permission.NETWORK_MANAGE


@handler("network.create", permission=MANAGE, retryable=True)
async def create(run: JobRun, args: Args) -> dict[str, Any]:
    """A retry adopts the network that an interrupted attempt made."""
    async with run.engine() as engine:
        found = await wires.find_network(engine, args["name"])
        if found is not None and found.labels.get(wires.JOB_LABEL) != str(run.job):
            raise Conflict(f"there is a network {args['name']} already")
        if found is None:
            await wires.create_network(engine, spec_of(args, labels=run.label))
            found = await wires.find_network(engine, args["name"])
        if found is None:
            raise Unavailable("the engine said the network was made, and does not have it")
    subnets = ", ".join(one["subnet"] for one in found.subnets) or "no subnet"
    await run.write(f"Network {found.name} ({found.driver}) is there: {subnets}.\n")
    return {"engine_id": found.engine_id, "name": found.name}


@handler("network.remove", permission=MANAGE, retryable=True)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await _remove(run, engine, args["engine_id"])
    await run.write(f"Removed network {args['name']}.\n")
    return {}


@handler("network.connect", permission=MANAGE, retryable=True)
async def connect(run: JobRun, args: Args) -> dict[str, Any]:
    endpoint = wires.Endpoint(args["aliases"], args["ipv4"], args["ipv6"])
    network, container = args["engine_id"], args["container"]
    async with run.engine() as engine:
        if not await _is_on(engine, args):
            await wires.connect_container(engine, network, container, endpoint)
        if not await _is_on(engine, args):
            raise Unavailable("the engine said the container has joined, and it is not on the network")
    await run.write(f"{args['container_name']} is on {args['name']}.\n")
    return {}


@handler("network.disconnect", permission=MANAGE, retryable=True)
async def disconnect(run: JobRun, args: Args) -> dict[str, Any]:
    network, container = args["engine_id"], args["container"]
    async with run.engine() as engine:
        if await _is_on(engine, args):
            await wires.disconnect_container(engine, network, container, force=bool(args["force"]))
        if await _is_on(engine, args):
            raise Unavailable("the engine said the container has left, and it is still on the network")
    await run.write(f"{args['container_name']} has left {args['name']}.\n")
    return {}


@handler("network.prune", permission=MANAGE, retryable=True, repeatable=False)
async def prune(run: JobRun, args: Args) -> dict[str, Any]:
    """One by one: what is in use by now is kept, and said."""
    removed, kept = [], []
    async with run.engine() as engine:
        for network in args["networks"]:
            try:
                await _remove(run, engine, network["engine_id"])
            except ConsoleError as error:
                kept.append(network["name"])
                await run.write(f"Kept {network['name']}: {error}\n")
            else:
                removed.append(network["name"])
                await run.write(f"Removed {network['name']}.\n")
    if not removed:
        raise Conflict("none of them could be removed")
    return {"removed": removed, "kept": kept}


async def _is_on(engine: Engine, args: Args) -> bool:
    return bool({args["engine_id"], args["name"]} & await wires.networks_of(engine, args["container"]))


async def _remove(run: JobRun, engine: Engine, engine_id: str) -> None:
    try:
        await wires.remove_network(engine, engine_id)
    except Missing:
        await run.write("It is gone already.\n")
    if await wires.find_network(engine, engine_id) is not None:
        raise Unavailable("the engine said the network was removed, and still has it")
    await run.tell("networks.gone", engine_ids=[engine_id])
