"""Handlers of capsule jobs. They run on the host's agent, without a database, and verify what they promise."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from console.capsules.locks.comparing import Verdict, compared
from console.capsules.locks.document import Lock, fingerprint_of
from console.capsules.locks.environment import hints_from_json
from console.capsules.observing import observe
from console.capsules.packing import Packing
from console.capsules.unpacking import Unpacking
from console.hosts import projects, volume_files
from console.hosts.gateway import Engine
from console.jobs import freight
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.jobs.progress import Board, LayerNews
from console.operations.errors import Conflict
from console.operations.permissions import Permission
from console.stacks.compose.model import Project
from console.stacks.deploying import Deployment
from console.stacks.finding import require_nothing, told
from console.stacks.looking import look
from console.stacks.making import Maker
from console.stacks.parcels import put_together
from console.stacks.planning import labels
from console.stacks.planning.bodies import Contents, volume_body
from console.stacks.planning.steps import plan
from console.volumes.stopping import stopped


@handler("capsule.make", permission=Permission.STACK_TAKE, retryable=True, repeatable=False)
async def make(run: JobRun, args: Args) -> dict[str, Any]:
    """Everything as it was when it was asked for: Conflict when the stack has become another meanwhile."""
    async with run.engine() as engine:
        await _require_unchanged(engine, args)
        for name in args["volumes"].values():
            await volume_files.remove_helpers(engine, name)
        texts = {path: text.encode() for path, text in args["env"].items()}
        packing = Packing(engine, args["images"], args["volumes"], texts, args["services"])
        async with stopped(run, engine, args["stops"]), aclosing(packing.chunks(args["facts"])) as chunks:
            most = int(args["most_bytes"])
            sent = await freight.send(run, "capsule.piece", chunks, most_bytes=most, tell=_tells(run, "Packing"))
        await _require_unchanged(engine, args)
    await run.write(f"Kept {sent.size_bytes:,} bytes, SHA-256 {sent.sha256}.\n")
    return {"size_bytes": sent.size_bytes, "sha256": sent.sha256, "fingerprint": args["facts"]["fingerprint"]}


@handler("capsule.restore", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False)
async def restore(run: JobRun, args: Args) -> dict[str, Any]:
    """Images, volumes, then the stack as for any deployment; in the end it is held against the capsule's env.lock.

    A later attempt goes on from what there is. The stack is there also where it is not identical: what differs is said.
    """
    project, texts = put_together(args)
    async with run.engine() as engine:
        if run.attempt == 1:
            await _require_nothing_there(engine, project)
        total = sum(size for _offset, size in args["parts"].values())
        unpacking = Unpacking(run, engine, args["parts"], _tells(run, "Unpacking", total=total))
        new = await unpacking.load_images(args["images"])
        for volume in args["volumes"]:
            if not await _is_filled(engine, run, str(volume["name"])):
                await unpacking.fill_volume(volume, _volume_body(run, project, args, str(volume["key"])))
        running = await _deploy(run, engine, project, args, texts)
        verdict = await _verdict(engine, project, args)
    await run.write(verdict.text())
    ids = [one["id"] for one in args["images"]]
    return {"images": ids, "new": new, "release": args["release"], **running, **_summary(verdict)}


async def _deploy(run: JobRun, engine: Engine, project: Project, args: Args, texts: dict[str, str]) -> dict[str, Any]:
    contents = Contents(args["digests"])
    found = plan(project, await look(engine, project), contents=contents)
    await run.write(found.text())
    deployment = Deployment(Maker(run, engine, project, found, str(args["release"]), texts))
    await deployment.apply()
    world = await look(engine, project)
    require_nothing(plan(project, world, contents=contents))
    return told(world, deployment)


async def _require_nothing_there(engine: Engine, project: Project) -> None:
    there = await projects.containers_of(engine, project.name)
    if there:
        raise Conflict(f"{project.name} runs on this host already")


async def _is_filled(engine: Engine, run: JobRun, name: str) -> bool:
    """By an earlier attempt of this job, which had a container use it only once it was."""
    documents = await engine.container_documents()
    for one in documents:
        marks = (one.get("Config") or {}).get("Labels") or {}
        has_it = any(mount.get("Name") == name for mount in one.get("Mounts") or [])
        if has_it and marks.get("naru.job") == str(run.job):
            return True
    return False


def _volume_body(run: JobRun, project: Project, args: Args, key: str) -> dict[str, Any]:
    body = volume_body(project, key, project.volumes[key])
    return {**body, "Labels": {**body["Labels"], **run.label, labels.RELEASE: str(args["release"])}}


async def _require_unchanged(engine: Engine, args: Args) -> None:
    wanted = args["facts"]["fingerprint"]
    found = await observe(engine, args["project"], salt=args["salt"], hints=hints_from_json(args["hints"]))
    if found.odd_ones or fingerprint_of(args["salt"], found.document()) != wanted:
        raise Conflict("the stack has changed since this was asked for; ask again")


async def _verdict(engine: Engine, project: Project, args: Args) -> Verdict:
    given = args["lock"]
    lock = Lock(given["salt"], given["environment"], given["secrets"])
    found = await observe(engine, project.name, salt=lock.salt, hints=hints_from_json(args["hints"]))
    return compared(lock, found)


def _summary(verdict: Verdict) -> dict[str, Any]:
    document = verdict.as_json()
    return {**document, "differences": document["differences"][:50]}


def _tells(run: JobRun, word: str, *, total: int = 0) -> Callable[[int], None]:
    board = Board()

    def tell(size_bytes: int) -> None:
        board.layer(LayerNews("capsule", word, size_bytes, total))
        run.progress(board.record())

    return tell
