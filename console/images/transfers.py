"""Handlers of what moves and names images. They run on the host's agent, without a database, and verify their work."""

import tempfile
from collections.abc import AsyncIterator
from typing import Any

from console.hosts import images
from console.hosts.gateway import Engine
from console.hosts.images import Account, Said
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.jobs.progress import Board, LayerNews
from console.operations.errors import Missing, Unavailable
from console.operations.permissions import Permission


@handler("image.pull", permission=Permission.IMAGE_PULL, retryable=True)
async def pull(run: JobRun, args: Args) -> dict[str, Any]:
    """``repository`` with ``tag``, ``digest`` or neither, then every tag. ``tag_as``: names it gets besides."""
    async with run.engine() as engine:
        return await fetch_image(run, engine, args)


async def fetch_image(run: JobRun, engine: Engine, args: Args) -> dict[str, Any]:
    """Pull what ``pulling.pull_args`` has judged, as part of any job; the job's result has what it returns."""
    wanted = args.get("digest") or args.get("tag") or ""
    before = {image.engine_id for image in await engine.images()}
    said = images.pull(
        engine, args["repository"], tag=wanted, platform=args.get("platform", ""), account=_account(run, args)
    )
    digest = await _shown(run, said)
    if not wanted:
        return await _every_tag(run, engine, args["repository"], before=before)
    joined = f"{args['repository']}{'@' if args.get('digest') else ':'}{wanted}"
    found = await engine.find_image_id(joined)
    if found is None:
        raise Unavailable(f"the engine said that {joined} was pulled, and has it not")
    await _require_digest(engine, found, args.get("digest") or digest)
    for reference in args.get("tag_as", []):
        repository, _colon, tag = reference.rpartition(":")
        await images.tag(engine, found, repository=repository, tag=tag)
        await run.write(f"Tagged {reference}\n")
    return {"image": found, "digest": digest or args.get("digest", ""), "new": found not in before}


@handler("image.push", permission=Permission.IMAGE_PUSH, retryable=True)
async def push(run: JobRun, args: Args) -> dict[str, Any]:
    """The image ``engine_id`` by the name ``repository:tag``, which it is given first. Then the registry is asked."""
    repository, tag = args["repository"], args["tag"]
    account = _account(run, args)
    async with run.engine() as engine:
        await images.tag(engine, args["engine_id"], repository=repository, tag=tag)
        digest = await _shown(run, images.push(engine, repository, tag=tag, account=account))
        there = await images.digest_at_registry(engine, f"{repository}:{tag}", account=account)
        if digest and there != digest:
            raise Unavailable(f"{repository}:{tag} was pushed as {digest[:19]}, and the registry has {there[:19]}")
        if args.get("untag"):
            await images.untag(engine, f"{repository}:{tag}")
    await run.write(f"The registry has {repository}:{tag} as {there}\n")
    return {"digest": there, "name": f"{repository}:{tag}"}


@handler("image.tag", permission=Permission.IMAGE_TAG, retryable=True)
async def tag(run: JobRun, args: Args) -> dict[str, Any]:
    repository, _colon, name = args["reference"].rpartition(":")
    async with run.engine() as engine:
        await images.tag(engine, args["engine_id"], repository=repository, tag=name)
        if await engine.find_image_id(args["reference"]) != args["engine_id"]:
            raise Unavailable(f"the engine said that it tagged {args['reference']}, and did not")
    await run.write(f"Tagged {args['reference']}\n")
    return {"reference": args["reference"]}


@handler("image.untag", permission=Permission.IMAGE_TAG, retryable=True)
async def untag(run: JobRun, args: Args) -> dict[str, Any]:
    reference = args["reference"]
    async with run.engine() as engine:
        found = await engine.find_image_id(reference)
        if found is None:
            await run.write("It is gone already.\n")
        elif found != args["engine_id"]:
            raise Missing(f"{reference} names another image by now")
        else:
            await images.untag(engine, reference)
        if await engine.find_image_id(reference) is not None:
            raise Unavailable(f"the engine said that {reference} was removed, and still has it")
    await run.write(f"Untagged {reference}\n")
    return {}


@handler("image.load", permission=Permission.IMAGE_PULL, retryable=True)
async def load(run: JobRun, args: Args) -> dict[str, Any]:
    """An archive that ``docker save`` wrote. ``tags`` and ``ids`` are what the console has found in it."""
    with tempfile.TemporaryFile() as archive:
        await run.read_blob(args["archive"], archive)
        archive.seek(0)
        async with run.engine() as engine:
            before = {image.engine_id for image in await engine.images()}
            await _shown(run, images.load(engine, archive))
            found = []
            for name in [*args["tags"], *args["ids"]]:
                engine_id = await engine.find_image_id(name)
                if engine_id is None:
                    raise Unavailable(f"the engine said that the archive was loaded, and has no {name[:80]}")
                found.append(engine_id)
    loaded = sorted(set(found))
    return {"images": loaded, "new": sorted(set(loaded) - before)}


@handler("image.import", permission=Permission.IMAGE_PULL, retryable=True)
async def import_files(run: JobRun, args: Args) -> dict[str, Any]:
    """A tar of files as an image of one layer."""
    repository, _colon, tag = args["tag"].rpartition(":")
    with tempfile.TemporaryFile() as archive:
        await run.read_blob(args["archive"], archive)
        archive.seek(0)
        async with run.engine() as engine:
            await _shown(run, images.import_files(engine, archive, repository=repository, tag=tag))
            found = await engine.find_image_id(args["tag"])
    if found is None:
        raise Unavailable(f"the engine said that {args['tag']} was imported, and has it not")
    return {"image": found, "tag": args["tag"]}


async def _shown(run: JobRun, said: AsyncIterator[Said]) -> str:
    """Write down what an engine says; returns the digest that it told last."""
    board, digest = Board(), ""
    async for one in said:
        digest = one.digest or digest
        await run.write(one.text)
        if one.layer is not None:
            board.layer(LayerNews(*one.layer))
            run.progress(board.record())
    return digest


async def _every_tag(run: JobRun, engine: Engine, repository: str, *, before: set[str]) -> dict[str, Any]:
    plain = repository.removeprefix("docker.io/").removeprefix("library/")
    there = [image for image in await engine.images() if any(n.rpartition(":")[0] == plain for n in image.references)]
    if not there:
        raise Unavailable(f"the engine said that {repository} was pulled, and has nothing of it")
    await run.write(f"{len(there)} images of {repository}\n")
    found = sorted(image.engine_id for image in there)
    return {"images": found, "new": sorted(set(found) - before)}


async def _require_digest(engine: Engine, engine_id: str, digest: str) -> None:
    """An image of several platforms is known by the digest of its index, and some engines by that of its manifest."""
    if not digest:
        return
    detail = await images.image_detail(engine, engine_id)
    if detail.digests and not any(one.endswith(f"@{digest}") for one in detail.digests):
        raise Unavailable(f"the image that was pulled is not {digest[:19]}")


def _account(run: JobRun, args: Args) -> Account | None:
    given = args.get("registry")
    if not given:
        return None
    return Account(given["address"], given["username"], run.resolved(given["password"]))
