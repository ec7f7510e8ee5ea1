"""A container gives way to another under its name: one job on the host, which may be cut off anywhere and tried again.

What has been done is read off the containers themselves, so nothing has to be remembered elsewhere:

    new    label naru.job       the job that made it
           label naru.replaces  the old one's engine id
           label naru.was       running or still, as the old one was
    names  NAME.naru-new-<old's id> › NAME, and the old one's NAME › NAME.naru-old-<old's id>

Steps: fetch the image, where that is asked for › make the new one › stop the old › move the names › start the new ›
wait for it › remove the old. Until the last the old one can be brought back, and is when anything fails; the new one,
which tells of it all, is removed last.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from console.containers.fetching import pulled, with_image
from console.containers.specs.docker import as_docker
from console.containers.specs.spec import ContainerSpec
from console.containers.words import ASIDE
from console.hosts import acting
from console.hosts.acting import Document
from console.hosts.facts import container_fact
from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args
from console.operations.errors import Conflict, ConsoleError, Missing, Unavailable

REPLACES, WAS, JOB = "naru.replaces", "naru.was", "naru.job"
RUNNING = "running"
ALIVE = frozenset({"running", "paused", "restarting"})
LOOK_S = 0.1
ROLL_BACK_STOP_S = 2
OLD_RUNS_S = 30.0
# Docker's own, where a health check says nothing: interval, timeout (seconds), retries
HEALTH_DEFAULTS = (30.0, 30.0, 3)
HEALTH_MARGIN_S, MOST_HEALTH_S = 30.0, 3600.0


@dataclass(slots=True)
class Swap:
    """``old`` and ``new`` as they were last inspected."""

    run: JobRun
    engine: Engine
    name: str
    settle_s: float
    old: Document
    new: Document

    @property
    def old_id(self) -> str:
        return str(self.old["Id"])

    @property
    def new_id(self) -> str:
        return str(self.new["Id"])

    @property
    def has_run(self) -> bool:
        return labels_of(self.new).get(WAS) == RUNNING

    def aside(self, which: str) -> str:
        return aside(self.name, which, self.old_id)

    async def look(self) -> None:
        self.old = await acting.inspect(self.engine, self.old_id)
        self.new = await acting.inspect(self.engine, self.new_id)


async def replace(run: JobRun, args: Args) -> dict[str, Any]:
    """As below; cancelled, also before it knows what an earlier attempt has done, it takes back what there is."""
    try:
        return await _replace(run, args)
    except asyncio.CancelledError:
        await _come_what_may(_take_back(run, args))
        raise


async def _take_back(run: JobRun, args: Args) -> None:
    async with run.engine() as engine:
        for new in await _made_for_it(engine, args):
            old = await acting.find(engine, args["engine_id"])
            if old is not None:
                await roll_back(Swap(run, engine, args["name"], 0.0, old, new))


async def _replace(run: JobRun, args: Args) -> dict[str, Any]:
    """``args``: the new specification's fields, ``name``, ``engine_id`` of the old one, ``image_engine_id`` (``pull``
    where the image is to be fetched first), ``drops``: targets of volumes without a name that are wanted no more, and
    ``settle_s``: how long the new one must stay up to count as running.
    """
    spec = ContainerSpec.from_json(args)
    body = as_docker(spec_with_values(run, spec))
    async with run.engine() as engine:
        new = await _find_new(run, engine, args)
        old = await acting.find(engine, args["engine_id"])
        if old is None:
            return await _ended_before(run, new)
        made: dict[str, Any] = {}
        if new is None:
            made = await pulled(run, engine, args)
            new = await _make_new(run, engine, old, body, with_image(args, made), spec.platform)
        else:
            await acting.join_all(engine, str(new["Id"]), body)
        swap = Swap(run, engine, args["name"], float(args["settle_s"]), old, new)
        try:
            await _go_forward(swap)
        except (ConsoleError, asyncio.CancelledError):
            await _come_what_may(roll_back(swap))
            raise
        # from here on there is no way back: the old one goes
        await _come_what_may(_remove_old(swap))
    return {"engine_id": swap.new_id, "name": swap.name, "state": _state(swap.new), "replaced": swap.old_id, **made}


def spec_with_values(run: JobRun, spec: ContainerSpec) -> ContainerSpec:
    """With the values of secrets. Never to be logged."""
    return ContainerSpec.from_json(
        {**spec.as_json(), "env": {name: run.resolved(value) for name, value in spec.env.items()}}
    )


def aside(name: str, which: str, old_id: str) -> str:
    """Where the old one and the new one are while they do not have the name."""
    return f"{name[:90]}{ASIDE}{which}-{old_id[:12]}"


def labels_of(document: Document) -> Mapping[str, str]:
    return (document.get("Config") or {}).get("Labels") or {}


def _name(document: Document) -> str:
    return str(document.get("Name", "")).lstrip("/")


def _state(document: Document) -> str:
    return str((document.get("State") or {}).get("Status", ""))


async def _made_for_it(engine: Engine, args: Args) -> list[Document]:
    """Those that jobs have made to take its place. A label alone says little, since images have labels, too; names like
    these are given by nobody else (words.checked_name).
    """
    names = (aside(args["name"], "new", args["engine_id"]), args["name"])
    found = await acting.labelled(engine, REPLACES, args["engine_id"])
    return [document for document in found if _name(document) in names]


async def _find_new(run: JobRun, engine: Engine, args: Args) -> Document | None:
    """That of this job. What another left behind that never came to an end is taken back first."""
    for found in await _made_for_it(engine, args):
        if labels_of(found).get(JOB) == str(run.job):
            return found
        old = await acting.find(engine, args["engine_id"])
        if old is not None:
            await run.write(f"Job #{labels_of(found).get(JOB)} was cut off: taking back what it had begun.\n")
            await roll_back(Swap(run, engine, args["name"], 0.0, old, found))
    return None


async def _ended_before(run: JobRun, new: Document | None) -> dict[str, Any]:
    """The old one is gone: an earlier attempt had come to its last step."""
    if new is None:
        raise Missing("the container was removed meanwhile")
    await _tell(run, new)
    await run.tell("containers.gone", engine_ids=[labels_of(new)[REPLACES]])
    gone = labels_of(new)[REPLACES]
    return {"engine_id": str(new["Id"]), "name": _name(new), "state": _state(new), "replaced": gone}


async def _make_new(run: JobRun, engine: Engine, old: Document, body: Document, args: Args, platform: str) -> Document:
    await require_same_image(engine, args)
    was = RUNNING if _state(old) in ALIVE else "still"
    body = {**body, "Labels": {**body["Labels"], **run.label, REPLACES: str(old["Id"]), WAS: was}}
    body = with_own_volumes(body, old, drops=args.get("drops", ()))
    name = aside(args["name"], "new", str(old["Id"]))
    engine_id = await acting.create(engine, body, name=name, platform=platform)
    await run.write(f"Created {engine_id[:12]} from {args['image']}, beside the old one.\n")
    return await acting.inspect(engine, engine_id)


async def require_same_image(engine: Engine, args: Args) -> None:
    """The name may have been given to another image since it was asked for, by a workspace that is none of ours."""
    wanted = args.get("image_engine_id")
    if wanted and await engine.find_image_id(args["image"]) not in (None, wanted):
        raise Conflict(f"{args['image']} names another image by now; ask again to use that one")


def with_own_volumes(body: Document, old: Document, *, drops: Any) -> Document:
    """Volumes without a name stay with the container: the new one has those of the old at the same places.

    ``Volumes`` still says that they have none, for the next that takes its place.
    """
    host = body["HostConfig"]
    taken = {text.split(":")[1] for text in host.get("Binds", ())} | {one["Target"] for one in host.get("Mounts", ())}
    taken |= {*host.get("Tmpfs", ()), *drops}
    own = (old.get("Config") or {}).get("Volumes") or {}
    kept = {
        str(mount["Destination"]): str(mount["Name"])
        for mount in old.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name") and mount.get("Destination") in own.keys() - taken
    }
    if not kept:
        return body
    mounts = [*host.get("Mounts", ()), *({"Type": "volume", "Source": kept[at], "Target": at} for at in sorted(kept))]
    return {**body, "HostConfig": {**host, "Mounts": mounts}}


async def _go_forward(swap: Swap) -> None:
    run, engine = swap.run, swap.engine
    if _state(swap.old) in ALIVE:
        await run.write(f"Stopping {swap.old_id[:12]}.\n")
        await acting.stop(engine, swap.old_id)
    if _name(swap.old) != swap.aside("old"):
        await acting.rename(engine, swap.old_id, name=swap.aside("old"))
    if _name(swap.new) != swap.name:
        await acting.rename(engine, swap.new_id, name=swap.name)
    await run.write(f"{swap.name} is {swap.new_id[:12]} now.\n")
    if swap.has_run:
        if _state(swap.new) not in ALIVE:
            await acting.start(engine, swap.new_id)
        await _until_steady(swap)
    await swap.look()


async def _until_steady(swap: Swap) -> None:
    """Running for ``settle_s``, or healthy where it has a health check. Conflict when it comes to nothing."""
    loop = asyncio.get_running_loop()
    begun, limit_s = loop.time(), 0.0
    while True:
        swap.new = await acting.inspect(swap.engine, swap.new_id)
        state = swap.new.get("State") or {}
        status, health = _state(swap.new), str((state.get("Health") or {}).get("Status") or "none")
        if status in ("exited", "dead", "created"):
            raise Conflict(f"the new container ended with exit code {state.get('ExitCode')}{_why(state)}")
        if status == "restarting" or swap.new.get("RestartCount"):
            raise Conflict("the new container ends again and again")
        if health == "unhealthy":
            raise Conflict("the new container is not healthy")
        if health == "healthy" or (health == "none" and loop.time() - begun >= swap.settle_s):
            return
        limit_s = limit_s or _health_limit(swap.new)
        if health == "starting" and loop.time() - begun > limit_s:
            raise Conflict(f"the new container is not healthy after {limit_s:.0f} s")
        await asyncio.sleep(LOOK_S)


def _why(state: Mapping[str, Any]) -> str:
    return f": {state['Error']}" if state.get("Error") else ""


def _health_limit(document: Document) -> float:
    """Long enough for the check to have its say."""
    check = (document.get("Config") or {}).get("Healthcheck") or {}
    interval_s, timeout_s, start_s = ((check.get(name) or 0) / 1e9 for name in ("Interval", "Timeout", "StartPeriod"))
    each_s = (interval_s or HEALTH_DEFAULTS[0]) + (timeout_s or HEALTH_DEFAULTS[1])
    return min(start_s + each_s * int(check.get("Retries") or HEALTH_DEFAULTS[2]) + HEALTH_MARGIN_S, MOST_HEALTH_S)


async def _remove_old(swap: Swap) -> None:
    await _tell(swap.run, swap.new)
    # without its volumes: they are the new one's
    await acting.remove(swap.engine, swap.old_id, with_volumes=False)
    await swap.run.tell("containers.gone", engine_ids=[swap.old_id])
    await swap.run.write(f"Removed {swap.old_id[:12]}.\n")


async def roll_back(swap: Swap) -> None:
    """The old one under its name, running if it ran, and the new one gone. Goes as far as it can; safe to repeat."""
    await swap.run.write("Taking it back.\n")
    await swap.look()
    troubles: list[str] = []

    async def attempt(what: Awaitable[None]) -> None:
        try:
            await what
        except ConsoleError as error:
            troubles.append(str(error))

    if _state(swap.new) in ALIVE:
        await attempt(acting.stop(swap.engine, swap.new_id, timeout_s=ROLL_BACK_STOP_S))
    if _name(swap.new) == swap.name:
        await attempt(acting.rename(swap.engine, swap.new_id, name=swap.aside("new")))
    if _name(swap.old) != swap.name:
        await attempt(acting.rename(swap.engine, swap.old_id, name=swap.name))
    if swap.has_run and _state(swap.old) not in ALIVE:
        await attempt(_start_old(swap))
    await attempt(acting.remove(swap.engine, swap.new_id, with_volumes=True))
    await swap.run.tell("containers.gone", engine_ids=[swap.new_id])
    await attempt(_tell_old(swap))
    said = "".join(f"Not all could be taken back: {trouble}\n" for trouble in troubles)
    await swap.run.write(said or f"{swap.name} is {swap.old_id[:12]} again, as it was.\n")


async def _start_old(swap: Swap) -> None:
    await acting.start(swap.engine, swap.old_id)
    try:
        async with asyncio.timeout(OLD_RUNS_S):
            while _state(await acting.inspect(swap.engine, swap.old_id)) not in ALIVE:  # noqa: ASYNC110 - engines are asked
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise Unavailable(f"{swap.old_id[:12]} does not run") from error


async def _tell_old(swap: Swap) -> None:
    await _tell(swap.run, await acting.inspect(swap.engine, swap.old_id))


async def _tell(run: JobRun, document: Document) -> None:
    await run.tell("containers.seen", containers=[container_fact(document).as_json()])


async def _come_what_may(work: Awaitable[None]) -> None:
    """Cancelling waits until it is done, and then counts."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
