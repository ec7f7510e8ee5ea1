"""The image of a container that is to be made, where its host has it not."""

from typing import Any

from console.hosts.gateway import Engine
from console.images.transfers import fetch_image
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args


async def pulled(run: JobRun, engine: Engine, args: Args) -> dict[str, Any]:
    """``args["pull"]`` fetched: ``image`` and whether it is ``new``, for the job's result; nothing without it."""
    if "pull" not in args:
        return {}
    await run.write(f"{args['image']} is not here: pulling it first.\n")
    fetched = await fetch_image(run, engine, args["pull"])
    return {"image": fetched["image"], "new": fetched["new"]}


def with_image(args: Args, made: dict[str, Any]) -> Args:
    """``args`` with the id of the image that is meant: what was fetched, or what was known before."""
    return {**args, "image_engine_id": made.get("image") or args.get("image_engine_id")}
