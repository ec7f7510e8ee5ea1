"""Handlers of jobs about files. They run on the host's agent, without a database, and verify what they promise."""

import tempfile
from collections.abc import Sequence
from typing import Any

from console.files.packing import pack_directory
from console.hosts import files
from console.hosts.files import File
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.errors import Conflict, Missing, Unavailable
from console.operations.permissions import Permission

# copying a large container, on a slow disk
FREEZE_S = 3600.0
CANNOT_BE_RUN = (126, 127)


@handler("files.upload", permission=Permission.CONTAINER_EXEC, retryable=True)
async def upload(run: JobRun, args: Args) -> dict[str, Any]:
    """Repeating it is harmless: the same files are put where they are."""
    engine_id, path = args["engine_id"], args["path"]
    with tempfile.TemporaryFile() as tar:
        await run.read_blob(args["tar"], tar)
        async with run.engine() as engine:
            await files.put_archive(engine, engine_id, path, tar)
            for file in args["files"]:
                whole = _joined(path, file["name"])
                found = await _stat(engine, engine_id, whole)
                if found is None or found.size_bytes != file["size_bytes"]:
                    raise Unavailable(f"{whole} was put into the container, and is not what was sent")
                await run.write(f"{whole}: {file['size_bytes']} bytes, sha256 {file['sha256']}\n")
    return {"path": path, "files": len(args["files"])}


@handler("files.make-directory", permission=Permission.CONTAINER_EXEC)
async def make_directory(run: JobRun, args: Args) -> dict[str, Any]:
    engine_id, path = args["engine_id"], args["path"]
    parent, _slash, name = path.rpartition("/")
    async with run.engine() as engine:
        await _require_free(engine, engine_id, path)
        with tempfile.TemporaryFile() as tar:
            pack_directory(name, tar)
            await files.put_archive(engine, engine_id, parent or "/", tar)
        found = await _stat(engine, engine_id, path)
    if found is None or found.kind != "directory":
        raise Unavailable(f"{path} was to be a directory, and is none")
    await run.write(f"Made {path}.\n")
    return {"path": path}


@handler("files.move", permission=Permission.CONTAINER_EXEC)
async def move(run: JobRun, args: Args) -> dict[str, Any]:
    engine_id, path, to = args["engine_id"], args["path"], args["to"]
    async with run.engine() as engine:
        if await _stat(engine, engine_id, path) is None:
            raise Missing(f"{path} is not there")
        # mv would move into a directory of that name
        await _require_free(engine, engine_id, to)
        await _run(engine, engine_id, ["mv", "--", path, to])
        if await _stat(engine, engine_id, to) is None or await _stat(engine, engine_id, path) is not None:
            raise Unavailable(f"{path} was moved to {to}, and is not there")
    await run.write(f"{path} is {to} now.\n")
    return {"path": to}


@handler("files.remove", permission=Permission.CONTAINER_EXEC)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    engine_id, path = args["engine_id"], args["path"]
    async with run.engine() as engine:
        if await _stat(engine, engine_id, path) is None:
            await run.write("It is gone already.\n")
            return {}
        await _run(engine, engine_id, ["rm", "-rf", "--", path])
        if await _stat(engine, engine_id, path) is not None:
            raise Unavailable(f"{path} was removed, and is still there")
    await run.write(f"Removed {path}.\n")
    return {}


@handler("container.freeze", permission=Permission.IMAGE_BUILD)
async def freeze(run: JobRun, args: Args) -> dict[str, Any]:
    """Never done twice by itself: a second image would take the tag from the first."""
    repository, _colon, tag = args["tag"].rpartition(":")
    async with run.engine() as engine:
        await run.write(f"Making {args['tag']} of container {args['engine_id'][:12]}.\n")
        made = await files.commit(
            engine,
            args["engine_id"],
            repository=repository,
            tag=tag,
            comment=args["message"],
            author=args["author"],
            changes=args["changes"],
            pause=args["pause"],
            limit_s=FREEZE_S,
        )
        if await engine.find_image_id(args["tag"]) != made:
            raise Unavailable(f"an image was made, but {args['tag']} is not it")
    await run.write(f"Image sha256:{made}\n")
    return {"image": made, "tag": args["tag"], "new": True}


async def _run(engine: Engine, engine_id: str, argv: Sequence[str]) -> None:
    """Conflict with what the program said, when it failed or is not there."""
    code, said = await files.run_inside(engine, engine_id, argv)
    if code in CANNOT_BE_RUN:
        raise Conflict(f"the container has no program “{argv[0]}” that can be run: {said}")
    if code:
        raise Conflict(said or f"{argv[0]} ended with {code}")


async def _require_free(engine: Engine, engine_id: str, path: str) -> None:
    if await _stat(engine, engine_id, path) is not None:
        raise Conflict(f"{path} is there already")


async def _stat(engine: Engine, engine_id: str, path: str) -> File | None:
    """What has that name, a link itself."""
    try:
        async with files.archive(engine, engine_id, path) as (file, _chunks):
            return file
    except Missing:
        return None


def _joined(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"
