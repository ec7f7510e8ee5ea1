"""Handlers of volume jobs. They run on the host's agent, without a database, and verify what they promise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from console.hosts import volume_files, wires
from console.hosts.gateway import Engine
from console.jobs import freight
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.jobs.progress import Board, LayerNews
from console.operations.errors import Conflict, ConsoleError, Missing, Unavailable
from console.operations.permissions import Permission
from console.volumes.stopping import stopped

MOST_ENTRIES = 2000


@handler("volume.create", permission=Permission.VOLUME_MANAGE, retryable=True)
async def create(run: JobRun, args: Args) -> dict[str, Any]:
    """A retry adopts the volume that an interrupted attempt made."""
    async with run.engine() as engine:
        await _create(run, engine, args)
    await run.write(f"Volume {args['name']} is there.\n")
    return {"name": args["name"]}


@handler("volume.remove", permission=Permission.VOLUME_REMOVE, retryable=True)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await _remove(run, engine, args["name"])
    await run.write(f"Removed volume {args['name']} and all that was in it.\n")
    return {}


@handler("volume.prune", permission=Permission.VOLUME_REMOVE, retryable=True, repeatable=False)
async def prune(run: JobRun, args: Args) -> dict[str, Any]:
    """One by one: what is in use by now is kept, and said."""
    removed, kept = [], []
    async with run.engine() as engine:
        for name in args["names"]:
            try:
                await _remove(run, engine, name)
            except ConsoleError as error:
                kept.append(name)
                await run.write(f"Kept {name}: {error}\n")
            else:
                removed.append(name)
                await run.write(f"Removed {name}.\n")
    if not removed:
        raise Conflict("none of them could be removed")
    return {"removed": removed, "kept": kept}


@handler("volume.measure", permission=Permission.VOLUME_MANAGE, retryable=True)
async def measure(run: JobRun, _args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        sizes = await wires.volume_sizes(engine)
    await run.tell("volumes.measured", sizes=sizes)
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:50]:
        await run.write(f"{size:>15,}  {name}\n")
    return {"volumes": len(sizes), "size_bytes": sum(sizes.values())}


@handler("volume.list", permission=Permission.VOLUME_BACKUP, retryable=True)
async def list_files(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        await volume_files.remove_helpers(engine, args["name"])
        found = await volume_files.list_volume(engine, args["name"], most=MOST_ENTRIES)
    entries = [entry.as_json() for entry in found.entries]
    about = {"job": run.job, "attempt": run.attempt, "is_complete": found.is_complete}
    await run.tell("volume.listed", entries=entries, **about)
    more = "" if found.is_complete else " and there is more"
    await run.write(f"{len(entries)} entries{more}.\n")
    return {"entries": len(entries), "is_complete": found.is_complete}


@handler("volume.backup", permission=Permission.VOLUME_BACKUP, retryable=True, repeatable=False)
async def back_up(run: JobRun, args: Args) -> dict[str, Any]:
    name = args["name"]
    async with run.engine() as engine:
        await volume_files.remove_helpers(engine, name)
        async with stopped(run, engine, args["stops"]), aclosing(volume_files.read_volume(engine, name)) as chunks:
            sent = await freight.send(
                run, "backup.piece", chunks, most_bytes=int(args["most_bytes"]), tell=_tells(run, name, "Reading")
            )
    await run.write(f"Kept {sent.size_bytes:,} bytes of {name}, SHA-256 {sent.sha256}.\n")
    return {"size_bytes": sent.size_bytes, "sha256": sent.sha256}


@handler("volume.restore", permission=Permission.VOLUME_REMOVE, retryable=True)
async def restore(run: JobRun, args: Args) -> dict[str, Any]:
    """Into a new volume, or over one that is there: made anew where no container has it, else its files are laid over
    those in it.
    """
    name, size = args["name"], int(args["size_bytes"])
    async with run.engine() as engine:
        await volume_files.remove_helpers(engine, name)
        async with stopped(run, engine, args["stops"]):
            if args["over"]:
                await _require_no_runner(engine, name)
                await _made_anew(run, engine, args)
            else:
                await _create(run, engine, args)
            tar = freight.fetch(
                run,
                "backup.wanted",
                size_bytes=size,
                sha256=args["sha256"],
                tell=_tells(run, name, "Writing", total=size),
            )
            try:
                await volume_files.write_volume(engine, name, tar)
            except (ConsoleError, asyncio.CancelledError):
                if not args["over"]:
                    await _remove_failed(run, engine, name)
                raise
    await run.write(f"Restored {size:,} bytes into {name}.\n")
    return {"name": name, "size_bytes": size}


@handler("volume.clone", permission=Permission.VOLUME_MANAGE, retryable=True)
async def clone(run: JobRun, args: Args) -> dict[str, Any]:
    """A retry writes over what an interrupted attempt has written."""
    source, name = args["source"], args["name"]
    async with run.engine() as engine:
        await volume_files.remove_helpers(engine, source)
        await volume_files.remove_helpers(engine, name)
        await _create(run, engine, args)
        passed = _Counted(volume_files.read_volume(engine, source), _tells(run, source, "Copying"))
        try:
            await volume_files.write_volume(engine, name, passed.chunks())
        except (ConsoleError, asyncio.CancelledError):
            await _remove_failed(run, engine, name)
            raise
    await run.write(f"Copied {passed.size_bytes:,} bytes from {source} to {name}.\n")
    return {"name": name, "size_bytes": passed.size_bytes}


class _Counted:
    """Bytes that pass, and how many they were."""

    def __init__(self, source: AsyncIterator[bytes], tell: Callable[[int], None]) -> None:
        self._source = source
        self._tell = tell
        self.size_bytes = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._source:
            self.size_bytes += len(chunk)
            self._tell(self.size_bytes)
            yield chunk


async def _require_no_runner(engine: Engine, name: str) -> None:
    running = await wires.running_users(engine, name)
    if running:
        raise Conflict(f"container {running[0][:12]} runs and has {name}; stop it first")


async def _made_anew(run: JobRun, engine: Engine, args: Args) -> None:
    """An empty volume of that name where no container has it; else it stays as it is."""
    try:
        await wires.remove_volume(engine, args["name"])
    except Missing:
        pass
    except Conflict:
        await run.write("Containers have it: what the backup does not name stays in it.\n")
        return
    await wires.create_volume(engine, _spec(run, args))


async def _create(run: JobRun, engine: Engine, args: Args) -> None:
    try:
        found = await wires.get_volume(engine, args["name"])
    except Missing:
        await wires.create_volume(engine, _spec(run, args))
        found = await wires.get_volume(engine, args["name"])
    if found.labels.get(wires.JOB_LABEL) != str(run.job):
        raise Conflict(f"there is a volume {args['name']} already")


def _spec(run: JobRun, args: Args) -> wires.VolumeSpec:
    return wires.VolumeSpec(args["name"], args["driver"], args["options"], {**args["labels"], **run.label})


async def _remove(run: JobRun, engine: Engine, name: str) -> None:
    await volume_files.remove_helpers(engine, name)
    try:
        await wires.remove_volume(engine, name)
    except Missing:
        await run.write("It is gone already.\n")
    try:
        await wires.get_volume(engine, name)
    except Missing:
        await run.tell("volumes.gone", names=[name])
        return
    raise Unavailable("the engine said the volume was removed, and still has it")


async def _remove_failed(run: JobRun, engine: Engine, name: str) -> None:
    """What is half written is of no use and would keep its name."""
    try:
        await wires.remove_volume(engine, name)
    except ConsoleError as error:
        await run.write(f"Volume {name} is of no use and could not be removed: {error}\n")


def _tells(run: JobRun, name: str, word: str, *, total: int = 0) -> Callable[[int], None]:
    board = Board()

    def tell(size_bytes: int) -> None:
        board.layer(LayerNews(name[:12], word, size_bytes, total))
        run.progress(board.record())

    return tell
