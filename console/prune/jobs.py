"""Handlers of making room. They run on the host's agent, without a database, and plan anew before anything goes."""

from datetime import UTC, datetime
from typing import Any

from console.hosts import images
from console.hosts.disk import disk_use, prune_build_cache, remove_volume
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.errors import Conflict, Missing, Unavailable
from console.operations.permissions import Permission
from console.prune.planning import IMAGES, RESTORED_AT, Item, Kind, held_name, plan


@handler("host.prune", permission=Permission.HOST_PRUNE, repeatable=False)
async def prune(run: JobRun, args: Args) -> dict[str, Any]:
    """What was chosen and may still go by a plan made now. What fails to go is told and does not stop the rest."""
    wanted = set(args["items"])
    async with run.engine() as engine:
        use = await disk_use(engine)
        found = plan(
            use, older_than_days=args["older_than_days"], now=datetime.now(UTC), released=args.get("released", ())
        )
        going = [item for item in found.items if item.token in wanted]
        references = {image.engine_id: list(image.references) for image in use.images}
        done: list[Item] = []
        for number, item in enumerate(sorted(going, key=_order), start=1):
            run.progress({"step": number, "steps": len(going), "what": item.name})
            if item.kind is Kind.CACHE or await _gone(run, engine, item, args, references.get(item.key, [])):
                done.append(item)
        freed = await _prune_cache(run, engine, done, args)
    left = len(wanted) - len(done)
    if left:
        await run.write(f"{left} of {len(wanted)} stay: they are used, kept or gone by now.\n")
    held = [item for item in done if item.kind in IMAGES]
    freed += sum(item.size_bytes for item in done if item.kind in (Kind.CONTAINER, Kind.VOLUME))
    return {"freed_bytes": freed, "held_bytes": sum(one.size_bytes for one in held), "held": len(held), "left": left}


@handler("quarantine.restore", permission=Permission.HOST_PRUNE, retryable=True)
async def restore(run: JobRun, args: Args) -> dict[str, Any]:
    """Its names, where no other image has them by now; one that had none gets one, since names are what holds it."""
    engine_id = args["engine_id"]
    async with run.engine() as engine:
        if await engine.find_image_id(engine_id) is None:
            await run.tell("images.left_quarantine", engine_ids=[engine_id])
            raise Missing(f"the image {engine_id[:12]} is not on this host any more")
        given = await _named_again(run, engine, engine_id, args["references"])
        await _untag(engine, held_name(engine_id))
        if await engine.find_image_id(engine_id) is None:
            raise Unavailable(f"the image {engine_id[:12]} went when it lost its name")
    await run.tell("images.left_quarantine", engine_ids=[engine_id])
    return {"references": given}


@handler("quarantine.remove", permission=Permission.HOST_PRUNE, retryable=True)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    """The name by which it is held is taken: with its last name an image goes, unless something uses it. Then it is put
    back.
    """
    engine_id = args["engine_id"]
    async with run.engine() as engine:
        try:
            await _untag(engine, held_name(engine_id))
        except Conflict:
            await run.write("It is used again.\n")
            await _named_again(run, engine, engine_id, args["references"])
            await _untag(engine, held_name(engine_id))
        is_gone = await engine.find_image_id(engine_id) is None
    await run.tell("images.left_quarantine", engine_ids=[engine_id])
    await run.write(f"Removed image {engine_id[:12]}.\n" if is_gone else f"Image {engine_id[:12]} has other names.\n")
    return {"removed": is_gone}


async def _gone(run: JobRun, engine: Engine, item: Item, args: Args, references: list[str]) -> bool:
    try:
        if item.kind in IMAGES:
            await _hold(run, engine, item, references, days=int(args["held_days"]))
        elif item.kind is Kind.CONTAINER:
            # without its unnamed volumes: those are things of their own here
            await engine.json(f"containers/{item.key}", "DELETE", timeout_s=60.0)
            await run.tell("containers.gone", engine_ids=[item.key])
        else:
            await remove_volume(engine, item.key)
    except (Conflict, Missing) as error:
        await run.write(f"{item.name} stays: {error}\n")
        return False
    await run.write(f"{'Held' if item.kind in IMAGES else 'Removed'} {item.kind} {item.name}\n")
    return True


async def _hold(run: JobRun, engine: Engine, item: Item, references: list[str], *, days: int) -> None:
    """First the name that holds it, then the row that can put it back, then the names go."""
    repository, _colon, tag = held_name(item.key).rpartition(":")
    await images.tag(engine, item.key, repository=repository, tag=tag)
    fact = {"engine_id": item.key, "references": references, "size_bytes": item.size_bytes, "days": days}
    await run.tell("images.quarantined", job=run.job, images=[fact])
    for reference in references:
        await _untag(engine, reference)
    if await engine.find_image_id(item.key) is None:
        raise Unavailable(f"the image {item.key[:12]} went when it lost its names")


async def _named_again(run: JobRun, engine: Engine, engine_id: str, references: list[str]) -> list[str]:
    given = []
    for reference in references or [f"{RESTORED_AT}/{engine_id[:12]}:latest"]:
        other = await engine.find_image_id(reference)
        if other not in (None, engine_id):
            await run.write(f"{reference} is another image's by now.\n")
            continue
        given.append(reference)
    # one that has no name left would go with the name that holds it
    for reference in given or [f"{RESTORED_AT}/{engine_id[:12]}:latest"]:
        repository, _colon, tag = reference.rpartition(":")
        await images.tag(engine, engine_id, repository=repository, tag=tag)
        await run.write(f"Tagged {reference}\n")
    return given


async def _prune_cache(run: JobRun, engine: Engine, done: list[Item], args: Args) -> int:
    if not any(item.kind is Kind.CACHE for item in done):
        return 0
    freed = await prune_build_cache(engine, older_than_h=24 * int(args["older_than_days"]))
    await run.write(f"Build cache: {freed} bytes\n")
    return freed


async def _untag(engine: Engine, reference: str) -> None:
    """Fine if it is gone already."""
    try:
        await images.untag(engine, reference)
    except Missing:
        return


def _order(item: Item) -> int:
    """Containers first; images that only they used stay until the next time all the same."""
    return [Kind.CONTAINER, Kind.DANGLING, Kind.UNUSED, Kind.VOLUME, Kind.CACHE].index(item.kind)
